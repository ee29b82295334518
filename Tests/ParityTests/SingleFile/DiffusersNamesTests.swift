// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import StableDiffusion
import TestSupport
import Testing

/// Whole models in one file under diffusers' names: what can't be used is refused by name.
@Suite struct DiffusersNamesTests {
    private static let base = Result {
        let folder = try TemporaryDirectory()
        return try withExtendedLifetime(folder) {
            try SyntheticModel("sd1", in: folder, vocabularySize: 8).wholeFile()
        }
    }

    /// The text of the error after a change of a sound file.
    private func refusal(_ change: (inout TensorFile) -> Void) throws -> String {
        let folder = try TemporaryDirectory()
        var file = try Self.base.get()
        change(&file)
        let path = try file.write(to: folder.file("model.safetensors"))
        let error = #expect(throws: (any Error).self) {
            let model = try openSingleFile(path)
            let backend = try Machine.standard.makeBackend()
            _ = try ModelDescription(of: model)
            _ = try UNet2DConditionModel.load(from: model, backend: backend)
            _ = try CLIPTextModel.load(from: model, backend: backend)
            _ = try AutoencoderKL.load(from: model, backend: backend)
        }
        let text = "\(try #require(error))"
        #expect(text.hasPrefix(path), "\(text)")
        return text
    }

    private func remove(_ file: inout TensorFile, _ prefix: String) {
        for name in file.tensors.keys where name.hasPrefix(prefix) { file[name] = nil }
    }

    @Test(arguments: [
        ("text_encoder.", "without its text encoder"), ("vae.", "--vae FILE"),
        ("unet.down_blocks.1.", "down_blocks.1 is missing"),
        ("unet.up_blocks.0.resnets.1.", "up_blocks.0.resnets.1 is missing"),
        ("unet.up_blocks.1.", "up_blocks.1 is missing"),
        ("unet.down_blocks.1.attentions.0.", "1 of 2 layers of level 1 have attention"),
        ("unet.mid_block.resnets.1.", "mid_block.resnets.1"),
        ("unet.conv_in.weight", "a U-Net"),
    ])
    func missingParts(_ prefix: String, _ words: String) throws {
        let text = try refusal { remove(&$0, prefix) }
        #expect(text.contains(words), "\(text)")
    }

    @Test(arguments: [
        ("unet.conv_in.weight", [32, 9, 3, 3], "inpainting"),
        ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", [8, 2048], "SDXL"),
        ("unet.class_embedding.linear_1.weight", [4, 4], "unCLIP"),
        ("unet.surplus.weight", [4], "surplus.weight"),
    ])
    func otherKinds(_ name: String, _ shape: [Int], _ word: String) throws {
        let text = try refusal { file in
            let count = shape.reduce(1, *)
            file[name] = TensorFile.Content(shape, [Float](repeating: 0, count: count))
        }
        #expect(text.contains(word), "\(text)")
    }
}
