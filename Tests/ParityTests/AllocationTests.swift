// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import EmbeddedModel
import GenerationTypes
import StableDiffusion
import TensorKit
import Testing

/// A denoising step makes no heap allocation of ours after the first one has run.
///
/// The libraries allocate inside a product: oneDNN for its arguments, OpenBLAS for tiny matrices.
@Suite(.serialized) struct AllocationTests {
    static let machines =
        Machine.float32.filter { $0.instructionSet == Machine.standard.instructionSet }
        + Machine.bfloat16.suffix(1)

    @Test(arguments: machines)
    func unetCallsAllocateNothing(_ machine: Machine) throws {
        let unet = try UNet2DConditionModel.load(
            from: try ModelDirectory(path: try modelPath("tiny")),
            backend: try machine.makeBackend())
        let shape = TensorShape(height: 16, width: 16, channels: 4)
        let sample = try Tensor.make(shape, [Float](repeating: 0.5, count: shape.elementCount))
        let text = try Tensor.make(TensorShape(tokens: 77, channels: 48))
        let output = try Tensor.make(shape)
        let lane = try machine.makeLane()
        lane.workspace.startMeasuring()
        func step(_ prepared: UNetConditioning, _ timestep: Float) {
            unet.forward(
                sample, timestep: timestep, conditioning: prepared, into: output, lane: lane)
        }
        step(try unet.prepare(text: text, lane: lane), 981)
        try lane.finishDryRun()
        let prepared = try unet.prepare(text: text, lane: lane)
        step(prepared, 981)
        rt_count_allocations()
        step(prepared, 961)
        step(prepared, 941)
        #expect(rt_counted_own_allocations() == 0)
        #expect(output.values.contains { $0 != 0 })
    }
    /// Whole steps, including scheduler, noise, guidance and the order of the latents.
    @Test(arguments: [1, 2]) func stepsAllocateNothing(_ threadCount: Int) throws {
        let pipeline = try StableDiffusionPipeline(
            model: ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: threadCount))
        let karras: [SamplingMethod] = [
            .euler, .eulerAncestral, .lms, .heun, .dpmPlusPlus2M, .uniPC,
        ]
        let samplers =
            SamplingMethod.allCases.map { ($0, SigmaSchedule.modelDefault) }
            + karras.map { ($0, SigmaSchedule.karras) }
        for (method, schedule) in samplers {
            for scale: Float in [5, 1] {
                let run = try pipeline.begin(
                    GenerationRequest(
                        prompt: "a red house", seed: 1, width: 64, height: 64,
                        inferenceStepCount: 6, guidanceScale: scale, samplingMethod: method,
                        sigmaSchedule: schedule))
                _ = try run.next()
                rt_count_allocations()
                while try run.next() != nil {}
                let count = rt_counted_own_allocations()
                #expect(count == 0, "\(method.rawValue), \(schedule.rawValue), scale \(scale)")
            }
        }
        var request = GenerationRequest(
            prompt: "a red house", seed: 1, width: 64, height: 64, inferenceStepCount: 12)
        request.forecastInterval = 2
        let run = try pipeline.begin(request)
        _ = try run.next()
        rt_count_allocations()
        while try run.next() != nil {}
        #expect(rt_counted_own_allocations() == 0)
    }
}
