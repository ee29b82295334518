// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The same LoRA under every trainer's names: the same weights, bit by bit.
@Suite struct LoRANamesTests {
    /// A way to write the key of a layer's factor.
    struct Spelling: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let unet: @Sendable (_ module: String, _ original: String) -> String
        let text: @Sendable (_ module: String) -> String
        var down = ".lora_down.weight"
        var up = ".lora_up.weight"
    }

    private static func underscored(_ name: String) -> String { name.replacing(".", with: "_") }

    private static let spellings = [
        Spelling(
            testDescription: "sd-scripts, original blocks",
            unet: { "lora_unet_\(underscored($1))" },
            text: { "lora_te_text_model_\(underscored($0))" }),
        Spelling(
            testDescription: "sd-scripts for SDXL", unet: { "lora_unet_\(underscored($1))" },
            text: { "lora_te1_text_model_\(underscored($0))" }),
        Spelling(
            testDescription: "LyCORIS", unet: { module, _ in "lycoris_\(underscored(module))" },
            text: { "lycoris_text_model_\(underscored($0))" }),
        Spelling(
            testDescription: "PEFT",
            unet: { module, _ in "base_model.model.\(module)" },
            text: { "base_model.model.text_model.\($0)" },
            down: ".lora_A.default.weight", up: ".lora_B.default.weight"),
        Spelling(
            testDescription: "diffusers",
            unet: { module, _ in "unet.\(module)" },
            text: { "text_encoder.text_model.\($0)" },
            down: ".lora_A.weight", up: ".lora_B.weight"),
        Spelling(
            testDescription: "diffusers before PEFT",
            unet: { module, _ in "unet.\(module)" },
            text: { "text_encoder.text_model.\($0)" },
            down: ".lora_linear_layer.down.weight", up: ".lora_linear_layer.up.weight"),
        Spelling(
            testDescription: "a U-Net's file of its own",
            unet: { module, _ in module }, text: { "text_model.\($0)" },
            down: ".lora.down.weight", up: ".lora.up.weight"),
        Spelling(
            testDescription: "original blocks with dots",
            unet: { "diffusion_model.\($1)" }, text: { "lora_te_text_model_\(underscored($0))" }),
    ]

    @Test(arguments: spellings)
    func namesAreUnderstood(_ spelling: Spelling) throws {
        let folder = try TemporaryDirectory()
        let directory = try Goldens.path("tiny")
        let names = try OriginalNames(model: directory)
        let content = try LoRAGoldens.load().content("first")
        let stems = Dictionary(
            uniqueKeysWithValues: try ModelDirectory(path: directory).layers().map { layer in
                (layer.stem, layer)
            })
        var renamed = TensorFile()
        for (key, tensor) in content.tensors {
            let stem = String(key.prefix { $0 != "." })
            let layer = try #require(stems[stem])
            let name =
                layer.component == .unet
                ? spelling.unet(layer.name, names.unetName(layer.name)) : spelling.text(layer.name)
            let ending = key.dropFirst(stem.count)
                .replacing(".lora_down.weight", with: spelling.down)
                .replacing(".lora_up.weight", with: spelling.up)
            renamed[name + ending] = tensor
        }
        #expect(renamed.tensors.count == content.tensors.count)
        try expectEqual(content, renamed, folder, try ModelDirectory(path: directory))
    }

    /// A model in one file, whose layers have other keys, and one whose queries, keys and values are
    /// one tensor (OpenCLIP).
    @Test(arguments: ["sd1", "sd2"])
    func singleFilesAreMergedLikeDirectories(_ kind: String) throws {
        let folder = try TemporaryDirectory()
        let synthetic = try SyntheticModel(kind, in: folder, vocabularySize: 8)
        let file = folder.file("model.safetensors")
        try synthetic.singleFile().write(to: file)
        let directory = try ModelDirectory(path: synthetic.directory)
        var lora = TensorFile()
        for layer in try directory.layers() where layer.shape.count > 1 {
            let inputs = layer.shape.dropFirst().reduce(1, *)
            lora["\(layer.stem).lora_down.weight"] = TensorFile.Content(
                [2] + layer.shape.dropFirst(), NamedValues.uniform(layer.stem, count: 2 * inputs))
            lora["\(layer.stem).lora_up.weight"] = TensorFile.Content(
                [layer.shape[0], 2], NamedValues.uniform(layer.name, count: 2 * layer.shape[0]))
        }
        let path = try lora.write(to: folder.file("lora.safetensors"))
        let loras = [LoRASelection(name: "lora", path: path)]
        let whole = try ReadWeights(ModelWithLoRAs(openSingleFile(file), loras: loras))
        let parts = try ReadWeights(ModelWithLoRAs(directory, loras: loras))
        let plain = try ReadWeights(directory)
        for layer in try directory.layers() where layer.shape.count > 1 {
            let name = "\(layer.name).weight"
            let merged = try whole(layer.component, name)
            #expect(try merged == parts(layer.component, name), "\(name)")
            #expect(try merged != plain(layer.component, name), "\(name)")
        }
    }

    private func expectEqual(
        _ first: TensorFile, _ second: TensorFile, _ folder: TemporaryDirectory,
        _ model: ModelDirectory
    ) throws {
        let models = try [first, second].enumerated().map { index, file in
            let path = try file.write(to: folder.file("\(index).safetensors"))
            return try ReadWeights(
                ModelWithLoRAs(model, loras: [LoRASelection(name: "a", path: path)]))
        }
        for layer in try model.layers() {
            let name = "\(layer.name).weight"
            #expect(
                try models[0](layer.component, name) == models[1](layer.component, name),
                "\(name)")
        }
    }
}

/// A layer of a model.
struct NamedLayer {
    var component: ModelComponent
    var name: String
    /// Of its weight.
    var shape: [Int]

    /// sd-scripts' name of it.
    var stem: String {
        (component == .unet ? "lora_unet_" : "lora_te_text_model_")
            + name.replacing(".", with: "_")
    }
}

extension ModelDirectory {
    /// The layers of U-Net and text encoder, but for the tables.
    func layers() throws -> [NamedLayer] {
        try [ModelComponent.unet, .textEncoder].flatMap { component in
            try weights(of: component).shapes.compactMap { name, shape in
                guard name.hasSuffix(".weight"), !name.hasPrefix("embeddings.") else { return nil }
                return NamedLayer(
                    component: component, name: String(name.dropLast(7)), shape: shape)
            }
        }
    }
}
