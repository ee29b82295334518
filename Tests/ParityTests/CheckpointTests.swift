// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import StableDiffusion
import TensorKit
import Testing

/// Images resumed elsewhere from a checkpoint: the same bits as without.
@Suite(.serialized) struct CheckpointTests {
    static func pipeline(_ precision: Precision) throws -> StableDiffusionPipeline {
        try StableDiffusionPipeline(
            model: try ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: .onednn, precision: precision, threadCount: 2))
    }

    static func request(
        _ method: SamplingMethod, _ merging: TokenMergeConfiguration, steps: Int = 4
    ) -> GenerationRequest {
        GenerationRequest(
            prompt: "a red house", seed: 11, width: 64, height: 64, inferenceStepCount: steps,
            samplingMethod: method, eta: 0.5, tokenMerging: merging)
    }

    /// A merging that reuses plans for some calls and makes new ones for others.
    static func merging(_ method: String) -> TokenMergeConfiguration {
        var merging = TokenMergeConfiguration(method: method)
        merging.maximumDownsample = 8
        merging.refreshCalls = [0, 2, 3]
        merging.importanceWarmupCallCount = 1
        if method == "retom" { merging.shiftsWindows = true }
        return merging
    }

    static let mergings = ["none", "retom", "tome", "atc", "importance", "todo"].map(merging)

    /// What this processor has.
    static let precisions: [Precision] = [
        .float32, OneDNNLibrary.supportsBFloat16 ? .bfloat16 : nil,
        CPUInfo.detect().int8InstructionSet == nil ? nil : .int8,
    ].compactMap { $0 }

    struct Course {
        var latents: GeneratedLatents
        var statistics: TokenMergeStatistics
        var checkpoints: [[UInt8]] = []
    }

    static func draw(
        _ request: GenerationRequest, by pipeline: StableDiffusionPipeline,
        from checkpoint: [UInt8]? = nil
    ) throws -> Course {
        // Here the seed tells requests apart.
        let run = try pipeline.begin(request, from: checkpoint.map { ($0, request.seed) })
        var course = Course(latents: run.latents, statistics: run.mergeStatistics)
        while try run.next() != nil {
            course.checkpoints.append(run.checkpoint(requestDigest: request.seed))
        }
        course.latents = run.latents
        course.statistics = run.mergeStatistics
        return course
    }

    /// Every sampler, every merge method, after every call: another pipeline computes the same
    /// latents and the same counts.
    @Test(arguments: precisions)
    func anotherPipelineResumesToTheSameBits(_ precision: Precision) throws {
        let (first, second) = (try Self.pipeline(precision), try Self.pipeline(precision))
        for method in SamplingMethod.allCases {
            for merging in Self.mergings {
                let request = Self.request(method, merging)
                let whole = try Self.draw(request, by: first)
                for (index, checkpoint) in whole.checkpoints.enumerated() {
                    let rest = try Self.draw(request, by: second, from: checkpoint)
                    let name = "\(method), \(merging.method), after call \(index + 1)"
                    #expect(rest.latents == whole.latents, "\(name)")
                    #expect(rest.statistics == whole.statistics, "\(name)")
                    #expect(rest.checkpoints == Array(whole.checkpoints[(index + 1)...]), "\(name)")
                }
            }
        }
    }

    /// Also between steps that are forecast, from outputs that the checkpoint holds.
    @Test func forecastsResumeToTheSameBits() throws {
        let (first, second) = (try Self.pipeline(.float32), try Self.pipeline(.float32))
        for method in SamplingMethod.allCases where method.traits.canForecast {
            var request = Self.request(method, Self.merging("retom"), steps: 14)
            request.eta = 0
            request.forecastInterval = 3
            let whole = try Self.draw(request, by: first)
            #expect(whole.checkpoints.count == request.modelCallCount)
            for (index, checkpoint) in whole.checkpoints.enumerated() {
                let rest = try Self.draw(request, by: second, from: checkpoint)
                #expect(rest.latents == whole.latents, "\(method), after call \(index + 1)")
                #expect(rest.checkpoints == Array(whole.checkpoints[(index + 1)...]))
            }
            // Of another call count, outputs to forecast from may be missing.
            let seven = whole.checkpoints[6]
            var words = 0
            for word in stride(from: 0, to: seven.count / 4 - 2, by: 3) {
                var damaged = seven
                damaged[4 * word] ^= 3
                if let rest = try? Self.draw(request, by: second, from: Self.sealed(damaged)) {
                    words += rest.latents == whole.latents ? 0 : 1
                }
            }
            #expect(words > 0)
        }
    }

    /// Checkpoints of anything else are refused, and so are damaged ones; nothing traps.
    @Test func foreignAndDamagedCheckpointsAreRefused() throws {
        let pipeline = try Self.pipeline(.float32)
        let request = Self.request(.pndm, Self.merging("retom"))
        let run = try pipeline.begin(request)
        for _ in 0..<2 { _ = try run.next() }
        let digest = request.seed
        let checkpoint = run.checkpoint(requestDigest: digest)
        #expect(throws: SavedStateError.foreign("request")) {
            try pipeline.begin(request, from: (checkpoint, digest + 1))
        }
        // Valid digest, but with any one word changed: refused or resumed.
        let words = checkpoint.count / 4 - 2
        for word in stride(from: 0, to: words, by: max(1, words / 500)) {
            for mask: [UInt8] in [[0, 0x40, 0, 0], [0xff, 0xff, 0xff, 0x7f]] {
                var damaged = checkpoint
                for (byte, bits) in mask.enumerated() { damaged[4 * word + byte] ^= bits }
                #expect(throws: SavedStateError.damaged) {
                    try pipeline.begin(request, from: (damaged, digest))
                }
                // A false state may be accepted, but must not trap.
                _ = try? Self.draw(request, by: pipeline, from: Self.sealed(damaged))
            }
        }
        for count in [0, 4, 8, 64, words * 4 - 4] {
            #expect(throws: SavedStateError.self) {
                let bytes = Self.sealed(Array(checkpoint[..<count]) + [0, 0, 0, 0, 0, 0, 0, 0])
                _ = try pipeline.begin(request, from: (bytes, digest))
            }
        }
    }

    /// The same words with a matching digest.
    private static func sealed(_ checkpoint: [UInt8]) -> [UInt8] {
        var writer = WordWriter()
        writer.write(
            stride(from: 0, to: checkpoint.count - 8, by: 4).map { start in
                checkpoint[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            })
        return writer.finish()
    }
}
