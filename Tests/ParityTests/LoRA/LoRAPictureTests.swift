// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Whole pictures with a LoRA against diffusers with the same one fused (`scripts/goldens/lora.py`).
@Suite(.serialized)
struct LoRAPictureTests {
    private static let prompt = "a red house beside a pine tree in a snowy field"

    private func sample(
        _ model: any ModelSource, prompt: String = prompt
    ) throws -> GeneratedLatents {
        let pipeline = try StableDiffusionPipeline(model: model, compute: .tests)
        let run = try pipeline.begin(
            GenerationRequest(
                prompt: prompt, negativePrompt: "blur", seed: 42, width: 64, height: 64,
                inferenceStepCount: 6, guidanceScale: 5, samplingMethod: .ddim,
                tokenMerging: .none))
        while try run.next() != nil {}
        return run.latents
    }

    @Test func picturesEqualDiffusers() throws {
        let goldens = try Goldens(path: try Goldens.path("lora.safetensors"))
        let folder = try TemporaryDirectory()
        let path = try LoRAGoldens.load().content("postcards")
            .write(to: folder.file("style.safetensors"))
        let plain = try ModelDirectory(path: modelPath("postcards"))
        let model = try ModelWithLoRAs(
            plain, loras: [LoRASelection(name: "style", path: path, textWeight: 0.75)])
        let latents = try sample(model)
        let distance = relativeL2(latents.values, try goldens.floats("latents"))
        #expect(distance <= 1e-4, "\(distance)")
        let expected = GeneratedLatents(
            channels: latents.channels, height: latents.height, width: latents.width,
            values: try goldens.floats("latents"))
        let picture = try LatentDecoder(model: model, compute: .tests).values(of: expected)
        let quality = peakSignalToNoise(picture, try goldens.channelsLast("image").values)
        #expect(quality >= 85, "\(quality) dB")
        let own = try LatentDecoder(model: model, compute: .tests).values(of: latents)
        let whole = peakSignalToNoise(own, try goldens.channelsLast("image").values)
        #expect(whole >= 85, "\(whole) dB")
        // It is the LoRA that makes the difference, and a tag in the prompt is no word of it.
        #expect(try relativeL2(sample(plain).values, goldens.floats("latents")) > 0.05)
        let tagged = try sample(model, prompt: "<lora:style:0.75>" + Self.prompt)
        #expect(tagged.values == latents.values)
    }
}
