// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Models in one file against diffusers' `from_single_file` (`scripts/goldens/single_file.py`).
@Suite(.serialized)
struct SingleFileParityTests {
    private static let prompts = [
        "a photograph of an astronaut riding a horse",
        "Crème brûlée!, 日本の庭 & 42 <|endoftext|> tail",
        "",
    ]

    @Test(arguments: ["sd1", "sd2"])
    func picturesEqualDiffusers(_ kind: String) throws {
        let goldens = try Goldens(path: try Goldens.path("single_file/\(kind).safetensors"))
        let folder = try TemporaryDirectory()
        let path = folder.file("model.safetensors")
        try SyntheticModel(kind, in: folder).singleFile().write(to: path)
        let model = try openSingleFile(path)
        let tokenizer = try model.tokenizer()
        let tokens = Self.prompts.flatMap { tokenizer.encode($0).ids }
        #expect(try tokens == goldens.tokens("tokens"))
        let latents = try sample(model, prompt: Self.prompts[0], negativePrompt: "blurry, ugly")
        let distance = relativeL2(latents.values, try goldens.floats("latents"))
        #expect(distance <= 1e-4, "\(distance)")
        let expected = GeneratedLatents(
            channels: latents.channels, height: latents.height, width: latents.width,
            values: try goldens.floats("latents"))
        let picture = try LatentDecoder(model: model, compute: .tests).values(of: expected)
        let quality = peakSignalToNoise(picture, try goldens.channelsLast("image").values)
        #expect(quality >= 85, "\(quality) dB")
    }
}

extension ComputeConfiguration {
    /// How single files are compared.
    static let tests = ComputeConfiguration(
        backend: .onednn, precision: .float32, threadCount: 2)
}

/// Opens a model in one file.
func openSingleFile(
    _ path: String, _ change: (inout ModelSelection) -> Void = { _ in }
) throws -> any ModelSource {
    var selection = ModelSelection(path: path)
    change(&selection)
    return try selection.open(merges: EmbeddedModel.clipMerges)
}

/// Latents of a guided image of 64 × 64 pixels and 4 steps.
func sample(
    _ model: any ModelSource, prompt: String, negativePrompt: String = "",
    samplingMethod: SamplingMethod = .ddim
) throws -> GeneratedLatents {
    let pipeline = try StableDiffusionPipeline(model: model, compute: .tests)
    let run = try pipeline.begin(
        GenerationRequest(
            prompt: prompt, negativePrompt: negativePrompt, seed: 42, width: 64, height: 64,
            inferenceStepCount: 4, guidanceScale: 5, samplingMethod: samplingMethod,
            tokenMerging: .none))
    while try run.next() != nil {}
    return run.latents
}
