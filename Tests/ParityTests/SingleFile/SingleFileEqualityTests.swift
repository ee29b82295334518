// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// A directory written as one file is the same model, to the last bit.
@Suite(.serialized)
struct SingleFileEqualityTests {
    /// Latents, pictures, sizes and recipe.
    private func expectEqual(
        _ file: any ModelSource, _ directory: any ModelSource,
        samplingMethod: SamplingMethod = .ddim
    ) throws {
        let prompt = "a red house in the snow"
        let latents = try sample(file, prompt: prompt, samplingMethod: samplingMethod)
        #expect(
            try latents == sample(directory, prompt: prompt, samplingMethod: samplingMethod))
        let pictures = try [file, directory].map {
            try LatentDecoder(model: $0, compute: .tests).decode(latents)
        }
        #expect(pictures[0] == pictures[1])
        let (found, expected) = (
            try ModelDescription(of: file), try ModelDescription(of: directory)
        )
        #expect(found.defaultWidth == expected.defaultWidth)
        // A file does not say how timesteps are spaced: the sampler's own way counts.
        var recipe = found.recipe
        recipe.timestepSpacing = recipe.timestepSpacing ?? expected.recipe.timestepSpacing
        #expect(recipe == expected.recipe)
        #expect(found.leftOutWarning == nil)
        let schedulers = try [file, directory].map { try $0.schedulerConfiguration() }
        #expect(schedulers[0].predictionType == schedulers[1].predictionType)
    }

    /// The kinds whose shape follows from the file alone: Stable Diffusion 1.x; 2.x with
    /// v-prediction, which its weights tell; BK-SDM, numbered in threes with gaps.
    @Test(arguments: ["sd1", "sd2", "bk"])
    func publishedShapes(_ kind: String) throws {
        let folder = try TemporaryDirectory()
        let model = try SyntheticModel(kind, in: folder)
        var file = try model.singleFile()
        // As files come that were saved in the middle of training.
        for name in file.tensors.keys.filter({ $0.hasPrefix("model.diffusion_model.out") }) {
            let plain = name.dropFirst("model.".count).replacing(".", with: "")
            file["model_ema.\(plain)"] = TensorFile.Content([1], [0])
        }
        file["model_ema.decay"] = TensorFile.Content([], [0.9999])
        file["alphas_cumprod"] = TensorFile.Content([3], [1, 0.5, 0.1])
        let path = try file.write(to: folder.file("model.safetensors"))
        try expectEqual(openSingleFile(path), ModelDirectory(path: model.directory))
    }

    /// A directory's parts in one file, under their own names with the parts' names before them.
    @Test(arguments: ["sd1", "sd2", "bk"])
    func diffusersNames(_ kind: String) throws {
        let folder = try TemporaryDirectory()
        let model = try SyntheticModel(kind, in: folder)
        let path = try model.wholeFile().write(to: folder.file("model.safetensors"))
        try expectEqual(openSingleFile(path), ModelDirectory(path: model.directory))
    }

    /// A U-Net with the guidance scale as an input brings the recipe of latent consistency.
    @Test(arguments: ["time_embedding.cond_proj.weight", "time_embed.cond_proj.weight"])
    func latentConsistency(_ key: String) throws {
        let folder = try TemporaryDirectory()
        let model = try SyntheticModel("sd1", in: folder)
        let weight = SyntheticModel.content("unet", "time_embedding.cond_proj.weight", [32, 256])
        let part = "\(model.directory)/unet"
        var unet = try TensorFile(folder: part)
        unet["time_embedding.cond_proj.weight"] = weight
        try unet.write(to: "\(part)/diffusion_pytorch_model.safetensors")
        try setConfiguration("\(part)/config.json", "time_cond_proj_dim", 256)
        try folder.write(
            #"{"_class_name": "LatentConsistencyModelPipeline"}"#, to: "sd1/model_index.json")
        var file = try model.singleFile()
        file["model.diffusion_model.time_embedding.cond_proj.weight"] = nil
        file["model.diffusion_model.\(key)"] = weight
        let path = try file.write(to: folder.file("model.safetensors"))
        try expectEqual(
            openSingleFile(path), ModelDirectory(path: model.directory), samplingMethod: .lcm)
    }

    /// Shapes that no published model has, described by the directory's own JSON files.
    @Test func theEmbeddedModel() throws {
        let folder = try TemporaryDirectory()
        let directory = try EmbeddedModel.directory()
        let path = folder.file("model.safetensors")
        try OriginalNames(model: directory).singleFile(of: directory).write(to: path)
        let file = try openSingleFile(path) { $0.configuration = directory }
        try expectEqual(file, ModelDirectory(path: directory))
    }

    /// The models of the other goldens, part by part; they have no tokenizer.
    @Test(arguments: ["tiny", "tiny2", "mixed", "plain"])
    func goldenDirectories(_ name: String) throws {
        let folder = try TemporaryDirectory()
        let model = folder.file("model")
        // U-Nets alone get the text encoder that has their width.
        let companion = name == "tiny" ? name : "tiny2"
        for (component, source) in [
            ("unet", name), ("text_encoder", companion), ("vae", companion),
        ] {
            try FileManager.default.createDirectory(
                atPath: model, withIntermediateDirectories: true)
            _ = try folder.copy(
                "\(try modelPath(source))/\(component)", as: "model/\(component)")
        }
        var names = try OriginalNames(model: model)
        names.textNaming = companion == "tiny" ? .clip : .openCLIP
        let path = try names.singleFile(of: model).write(to: folder.file("model.safetensors"))
        let file = try openSingleFile(path) { $0.configuration = model }
        let directory = try ModelDirectory(path: model)
        #expect(try unetOutput(file, name) == unetOutput(directory, name))
        #expect(try textStates(file, companion) == textStates(directory, companion))
        #expect(try picture(file, companion) == picture(directory, companion))
    }

    private func unetOutput(_ model: any ModelSource, _ name: String) throws -> [Float] {
        let unet = try UNet2DConditionModel.load(
            from: model, backend: try Machine.standard.makeBackend())
        return try UNetCall(Goldens(name), "odd", unet: unet)
            .run(unet, lane: Machine.standard.makeLane())
    }

    private func textStates(_ model: any ModelSource, _ name: String) throws -> [Float] {
        let encoder = try CLIPTextModel.load(
            from: model, backend: try Machine.standard.makeBackend())
        let tokens = try Goldens(name).tokens("text.tokens")
        let output = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        try Machine.standard.makeLane().run { lane in
            try encoder.forward(sequences: [tokens], into: [output], lane: lane)
        }
        return output.values
    }

    private func picture(_ model: any ModelSource, _ name: String) throws -> [Float] {
        let vae = try AutoencoderKL.load(
            from: model, backend: try Machine.standard.makeBackend())
        let (values, lengths) = try Goldens(name).channelsLast("vae.odd.latents")
        let latents = try Tensor.make(
            TensorShape(
                batch: lengths[0], height: lengths[1], width: lengths[2], channels: lengths[3]),
            values)
        let image = try Tensor.make(vae.outputShape(for: latents.shape))
        try Machine.standard.makeLane().run { lane in
            vae.decode(latents, into: image, plan: .inOnePiece, lane: lane)
        }
        return image.values
    }
}

/// Changes a key of a JSON file.
func setConfiguration(_ path: String, _ key: String, _ value: Any) throws {
    let url = URL(filePath: path)
    var object = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    object[key] = value
    try JSONSerialization.data(withJSONObject: object).write(to: url)
}
