// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import StableDiffusion
import TensorKit
import Testing

/// What is counted without weights is what a loaded model counts.
@Suite struct ModelCostTests {
    private func request(steps: Int, guidance: Float, size: Int = 128) -> GenerationRequest {
        GenerationRequest(
            prompt: "a", seed: 1, width: size, height: size, inferenceStepCount: steps,
            guidanceScale: guidance, tokenMerging: .none)
    }

    @Test func samplingIsCountedPerCall() throws {
        let model = try ModelDirectory(path: try EmbeddedModel.directory())
        let cost = try ModelCost(of: model)
        let unet = try UNet2DConditionModel.load(
            from: model, backend: try Machine.standard.makeBackend())
        let lanes = try PlannedLanes(
            threadCount: 1, halves: 1, instructionSet: CPUInfo.detect().instructionSet)
        try lanes.plan(
            for: TensorShape(height: 16, width: 16, channels: 4),
            text: TensorShape(tokens: 77, channels: try #require(unet.textChannels)), unet: unet)
        let found = try cost.samplingFLOPs(of: request(steps: 1, guidance: 1))
        #expect(found == lanes.workPerCall.totalFLOPs)
        #expect(try cost.samplingFLOPs(of: request(steps: 5, guidance: 1)) == 5 * found)
        #expect(try cost.samplingFLOPs(of: request(steps: 5, guidance: 2)) == 10 * found)
    }

    @Test func decodingIsThatOfTheDecoder() throws {
        let model = try ModelDirectory(path: try EmbeddedModel.directory())
        let tiny = try ModelWithTAESD(
            model, taesd: try Goldens.path("taesd/vae/diffusion_pytorch_model.safetensors"))
        let latents = GeneratedLatents(
            channels: 4, height: 16, width: 16, values: Array(repeating: 0, count: 4 * 256))
        let compute = ComputeConfiguration(
            backend: .onednn, precision: .float32, threadCount: 1)
        for model in [model, tiny] as [any ModelSource] {
            let decoder = try LatentDecoder(model: model, compute: compute)
            _ = try decoder.decode(latents)
            let found = try ModelCost(of: model).decodingFLOPs(of: request(steps: 1, guidance: 1))
            #expect(found == decoder.workPerPicture.totalFLOPs)
        }
    }
}
