// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Whole images of the embedded model against diffusers' pipeline.
@Suite(.serialized)
struct PipelineParityTests {
    /// f32 rounding over 25 steps, at a size for which the model was not trained and which
    /// amplifies differences most.
    private static let latentsDistanceMax = 3e-4
    /// A bf16 picture shows the same scene.
    private static let bfloat16DecibelsMin = 28.0
    /// An int8 picture as well.
    private static let int8DecibelsMin = 34.0

    private static func request(_ method: SamplingMethod, _ schedule: SigmaSchedule)
        -> GenerationRequest
    {
        GenerationRequest(
            prompt: "a red house beside a pine tree in a snowy field at night under a full moon",
            negativePrompt: "a blue car", seed: 42, width: 64, height: 64, inferenceStepCount: 25,
            guidanceScale: 5, samplingMethod: method, sigmaSchedule: schedule, tokenMerging: .none)
    }

    private static func pipeline(
        _ backend: BackendKind, _ precision: Precision = .float32, threads: Int = 2
    ) throws -> StableDiffusionPipeline {
        try StableDiffusionPipeline(
            model: ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: backend, precision: precision, threadCount: threads))
    }

    private static func latents(
        _ request: GenerationRequest, _ pipeline: StableDiffusionPipeline
    ) throws -> GeneratedLatents {
        let run = try pipeline.begin(request)
        while try run.next() != nil {}
        return run.latents
    }

    /// Euler ends where its last call expects.
    @Test func estimatesChangeNothingAndLeadToTheLatents() throws {
        let pipeline = try Self.pipeline(.onednn)
        let request = Self.request(.euler, .modelDefault)
        let plain = try Self.latents(request, pipeline)
        let run = try pipeline.begin(request)
        var distances: [Float] = []
        while try run.next(estimates: true) != nil {
            let estimate = try #require(run.estimate)
            distances.append(
                zip(estimate.values, plain.values).map { abs($0 - $1) }.max() ?? 0)
        }
        #expect(run.latents == plain)
        #expect(try #require(distances.last) < 1e-4)
        #expect(distances[distances.count / 2] < distances[0] / 2)
        _ = try pipeline.begin(request).next()
        #expect(try pipeline.begin(request).estimate == nil)
    }

    @Test(arguments: [BackendKind.onednn, .openblas])
    func finalLatentsMatchDiffusers(backend: BackendKind) throws {
        let path = try #require(
            Bundle.module.path(forResource: "Goldens/pipeline", ofType: "safetensors"))
        let goldens = try SafeTensorsFile(path: path)
        let pipeline = try Self.pipeline(backend)
        var cases = SamplingMethod.allCases.map {
            ($0.rawValue, Self.request($0, .modelDefault))
        }
        cases.append(("dpm++2m/karras", Self.request(.dpmPlusPlus2M, .karras)))
        var rescaled = Self.request(.ddim, .modelDefault)
        rescaled.guidanceRescale = 0.7
        cases.append(("ddim/rescaled", rescaled))
        for (name, request) in cases {
            let expected = try #require(goldens[name], "no golden for \(name)").floats()
            let found = try Self.latents(request, pipeline).values
            let distance = relativeL2(found, expected)
            #expect(distance <= Self.latentsDistanceMax, "\(name): \(distance)")
        }
    }

    /// Against the loop of `scripts/goldens/forecast.py`, around diffusers' U-Net and schedulers.
    @Test func forecastImagesMatchTheReference() throws {
        let path = try #require(
            Bundle.module.path(forResource: "Goldens/forecast", ofType: "safetensors"))
        let goldens = try SafeTensorsFile(path: path)
        let pipeline = try Self.pipeline(.onednn)
        for method in SamplingMethod.allCases where method.traits.canForecast {
            for interval in [2, 3] {
                var request = Self.request(method, .modelDefault)
                request.inferenceStepCount = 20
                request.forecastInterval = interval
                let name = "\(method.rawValue)/\(interval)"
                let expected = try #require(goldens[name], "no golden for \(name)").floats()
                let distance = relativeL2(try Self.latents(request, pipeline).values, expected)
                #expect(distance <= Self.latentsDistanceMax, "\(name): \(distance)")
            }
        }
    }

    /// Unguided images use other lanes than guided ones; neither may affect the other.
    @Test
    func imagesDoNotDependOnWhatRanBefore() throws {
        let pipeline = try Self.pipeline(.onednn)
        let guided = Self.request(.ddim, .modelDefault)
        var unguided = guided
        unguided.guidanceScale = 1
        var larger = guided
        larger.width = 96
        let first = try Self.latents(guided, pipeline)
        let second = try Self.latents(unguided, pipeline)
        _ = try Self.latents(larger, pipeline)
        #expect(try Self.latents(guided, pipeline) == first)
        #expect(try Self.latents(unguided, pipeline) == second)
        #expect(first != second)
    }

    /// A picture too large for the memory fails alone, and the next one is generated.
    @Test
    func tooLittleMemoryIsATypedError() throws {
        let pipeline = try Self.pipeline(.onednn)
        let small = Self.request(.ddim, .modelDefault)
        let expected = try Self.latents(small, pipeline)
        var large = small
        (large.width, large.height) = (512, 512)
        pipeline.scratchByteCountMax = 16 << 20
        let error = #expect(throws: TensorStorageError.self) { try pipeline.begin(large) }
        #expect("\(try #require(error))".contains("use a smaller picture"))
        #expect(try Self.latents(small, pipeline) == expected)
    }

    @Test(.enabled(if: OneDNNSupport.hasBFloat16))
    func bfloat16ShowsTheSameScene() throws {
        let decibels = try Self.decibels(of: .bfloat16)
        #expect(decibels >= Self.bfloat16DecibelsMin, "\(decibels) dB")
    }

    /// int8 as well, and closely: 40 dB is the mean of many pictures.
    @Test(.enabled(if: CPUInfo.detect().int8InstructionSet != nil))
    func int8ShowsTheSameScene() throws {
        let decibels = try Self.decibels(of: .int8)
        #expect(decibels >= Self.int8DecibelsMin, "\(decibels) dB")
        // Not the other precision by mistake.
        #expect(decibels <= 60, "\(decibels) dB")
    }

    /// PSNR of a picture of the embedded model to that in f32.
    private static func decibels(of precision: Precision) throws -> Double {
        var request = request(.ddim, .modelDefault)
        request.width = 256
        request.height = 256
        let directory = try ModelDirectory(path: try EmbeddedModel.directory())
        let decoder = try LatentDecoder(
            model: directory,
            compute: ComputeConfiguration(backend: .onednn, precision: .float32, threadCount: 2))
        let exact = try decoder.decode(latents(request, pipeline(.onednn)))
        let coarse = try decoder.decode(latents(request, pipeline(.onednn, precision)))
        return peakSignalToNoise(values(coarse), values(exact))
    }

    /// Pixels as the decoder's values, −1…1.
    private static func values(_ image: RGBImage) -> [Float] {
        image.bytes.map { Float($0) / 127.5 - 1 }
    }
}

/// The backends this processor can run.
private enum OneDNNSupport {
    static var hasBFloat16: Bool {
        let asked = ComputeConfiguration(backend: .onednn, precision: .bfloat16, threadCount: 1)
        return (try? asked.resolve()) != nil
    }
}
