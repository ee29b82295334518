// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Unusable model directories: one clear error each.
@Suite struct BadModelTests {
    let directory: TemporaryDirectory
    let backend: any ComputeBackend

    init() throws {
        directory = try TemporaryDirectory()
        backend = try Machine.standard.makeBackend()
    }

    @Test func missingDirectories() throws {
        let absent = directory.file("absent")
        #expect(throws: ConfigurationError(path: absent, problem: .missingDirectory)) {
            try ModelDirectory(path: absent)
        }
        let model = try ModelDirectory(path: directory.path + "//")
        #expect(model.path == directory.path)
        #expect(
            throws: ConfigurationError(path: directory.file("unet"), problem: .missingDirectory)
        ) {
            try UNet2DConditionModel.load(from: model, backend: backend)
        }
        try directory.write(Array("{}".utf8), to: "vae/other.json")
        #expect(
            throws: ConfigurationError(
                path: directory.file("vae/config.json"), problem: .missingFile)
        ) { try AutoencoderKL.load(from: model, backend: backend) }
    }

    @Test(arguments: ["", "[1]", "{\"in_channels\": 4", "{\"in_channels\": \"four\"}", "\u{0}"])
    func unreadableConfigurations(_ text: String) throws {
        try directory.write(Array(text.utf8), to: "unet/config.json")
        let error = try configurationError { _ = try loadUNet() }
        guard case .notReadable = error.problem else {
            Issue.record("\(error)")
            return
        }
        #expect(error.path == directory.file("unet/config.json"))
    }

    /// Options of other models and invalid values, with the key named in the error.
    static let badValues: [(component: String, key: String, value: String)] = [
        ("unet", "_class_name", "\"UNet2DModel\""),
        (
            "unet", "down_block_types",
            "[\"DownBlock2D\",\"DownBlock2D\",\"DownBlock2D\",\"KDownBlock2D\"]"
        ),
        ("unet", "up_block_types", "[\"UpBlock2D\"]"),
        ("unet", "mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\""),
        ("unet", "act_fn", "\"mish\""),
        ("unet", "class_embed_type", "\"projection\""),
        ("unet", "num_class_embeds", "10"),
        ("unet", "addition_embed_type", "\"text_time\""),
        ("unet", "encoder_hid_dim", "768"),
        ("unet", "dual_cross_attention", "true"),
        ("unet", "resnet_time_scale_shift", "\"scale_shift\""),
        ("unet", "time_embedding_type", "\"fourier\""),
        ("unet", "attention_type", "\"gated\""),
        ("unet", "norm_num_groups", "null"),
        ("unet", "norm_num_groups", "5"),
        ("unet", "attention_head_dim", "[4, 4, 4, 5]"),
        ("unet", "attention_head_dim", "[4, 4]"),
        ("unet", "attention_head_dim", "0"),
        ("unet", "cross_attention_dim", "[48, 48, 48, 40]"),
        ("unet", "layers_per_block", "0"),
        ("unet", "layers_per_block", "9223372036854775807"),
        ("unet", "block_out_channels", "[]"),
        ("unet", "in_channels", "-4"),
        ("unet", "conv_in_kernel", "5"),
        ("unet", "conv_in_kernel", "1e300"),
        ("unet", "freq_shift", "8"),
        ("text_encoder", "model_type", "\"t5\""),
        ("text_encoder", "hidden_act", "\"relu\""),
        ("text_encoder", "num_attention_heads", "7"),
        ("text_encoder", "num_hidden_layers", "1000000000"),
        ("text_encoder", "vocab_size", "0"),
        ("vae", "_class_name", "\"VQModel\""),
        (
            "vae", "up_block_types",
            "[\"UpDecoderBlock2D\",\"AttnUpDecoderBlock2D\",\"UpDecoderBlock2D\",\"X\"]"
        ),
        ("vae", "latents_mean", "[0.1]"),
        ("vae", "scaling_factor", "0"),
        ("vae", "norm_num_groups", "7"),
        ("vae", "sample_size", "0"),
    ]

    @Test(arguments: badValues.indices)
    func badValuesAreNamed(_ index: Int) throws {
        let (component, key, value) = Self.badValues[index]
        try copyModel(component)
        try setConfiguration(component, key, value)
        let model = try ModelDirectory(path: directory.path)
        let error = try configurationError {
            switch component {
            case "unet": _ = try UNet2DConditionModel.load(from: model, backend: backend)
            case "vae": _ = try AutoencoderKL.load(from: model, backend: backend)
            default: _ = try CLIPTextModel.load(from: model, backend: backend)
            }
        }
        #expect(error.path == directory.file("\(component)/config.json"))
        #expect("\(error)".contains("\"\(key)\""), "\(error)")
    }

    /// All differences are in one error.
    @Test func allDifferencesAtOnce() throws {
        try copyModel("unet")
        let path = directory.file("unet/diffusion_pytorch_model.safetensors")
        try rewrite(path) { tensors in
            tensors["conv_in.weight"] = nil
            tensors["mid_block.resnets.0.conv1.bias"] = nil
            tensors["extra.weight"] = ([2], [1, 2])
            tensors["conv_out.bias"] = ([5], [1, 2, 3, 4, 5])
        }
        let error = #expect(throws: CheckpointMismatchError.self) { try loadUNet() }
        let mismatch = try #require(error)
        #expect(mismatch.path == directory.file("unet"))
        #expect(mismatch.missing == ["conv_in.weight", "mid_block.resnets.0.conv1.bias"])
        #expect(mismatch.unexpected == ["extra.weight"])
        #expect(
            mismatch.misshapen == [
                CheckpointMismatchError.Misshapen(name: "conv_out.bias", expected: [4], found: [5])
            ])
        let text = "\(mismatch)"
        for part in ["2 missing", "1 unexpected", "conv_out.bias [5], not [4]", "extra.weight"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    /// Weights of another model: the list stays readable.
    @Test func weightsOfAnotherModel() throws {
        try copyModel("unet")
        try setConfiguration("unet", "block_out_channels", "[32, 32, 32, 32]")
        let error = #expect(throws: CheckpointMismatchError.self) { try loadUNet() }
        let mismatch = try #require(error)
        #expect(mismatch.misshapen.count > 20)
        #expect("\(mismatch)".split(separator: "\n").count < 60)
        #expect("\(mismatch)".contains("more"))
    }

    @Test func weightsThatAreNotNumbers() throws {
        try copyModel("unet")
        let path = directory.file("unet/diffusion_pytorch_model.safetensors")
        let source = try SafeTensorsFile(path: path)
        var writer = SafeTensorsWriter()
        for name in source.names {
            let tensor = try source.tensor(name)
            let bytes = [UInt8](repeating: 0, count: 8 * tensor.elementCount)
            if name == "conv_out.bias" {
                bytes.withUnsafeBytes { writer.add(name, .int64, shape: tensor.shape, bytes: $0) }
            } else {
                try tensor.bytes().withUnsafeBytes {
                    writer.add(name, tensor.scalarType, shape: tensor.shape, bytes: $0)
                }
            }
        }
        try writer.write(to: path)
        let error = #expect(throws: CheckpointMismatchError.self) { try loadUNet() }
        #expect(try #require(error).unreadable == ["conv_out.bias (I64)"])
    }

    /// The same tensor under both spellings of its name.
    @Test func twoSpellingsOfOneName() throws {
        try copyModel("text_encoder")
        let path = directory.file("text_encoder/model.safetensors")
        try rewrite(path) { tensors in
            tensors["final_layer_norm.bias"] = tensors["text_model.final_layer_norm.bias"]
        }
        let model = try ModelDirectory(path: directory.path)
        let error = #expect(throws: CheckpointMismatchError.self) {
            try CLIPTextModel.load(from: model, backend: backend)
        }
        #expect(try #require(error).unexpected == ["text_model.final_layer_norm.bias"])
    }

    /// A folder cloned without Git LFS.
    @Test(arguments: [
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json", "model_index.json",
        "vae/diffusion_pytorch_model.safetensors.index.json",
    ])
    func gitLFSPointersAreNamed(_ name: String) throws {
        for component in ["unet", "vae", "text_encoder"] { try copyModel(component) }
        if name.hasSuffix("index.json") {
            try FileManager.default.removeItem(
                atPath: directory.file("vae/diffusion_pytorch_model.safetensors"))
        }
        try directory.write(
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 862328\n", to: name)
        let model = try ModelDirectory(path: directory.path)
        let error = #expect(throws: (any Error).self) {
            _ = try ModelDescription(of: model)
            _ = try UNet2DConditionModel.load(from: model, backend: backend)
            if name.hasPrefix("vae") {
                _ = try AutoencoderKL.load(from: model, backend: backend)
            }
            _ = try model.schedulerConfiguration()
        }
        let text = "\(try #require(error))"
        #expect(text.hasPrefix(directory.file(name)), "\(text)")
        #expect(text.contains("is a Git LFS pointer") && text.contains("git lfs pull"), "\(text)")
    }

    @Test func damagedWeights() throws {
        try copyModel("unet")
        let path = directory.file("unet/diffusion_pytorch_model.safetensors")
        let bytes = try Data(contentsOf: URL(filePath: path))
        try bytes.dropLast(1).write(to: URL(filePath: path))
        #expect(
            throws: SafeTensorsError.truncated(
                file: path, expectedByteCount: bytes.count, fileByteCount: bytes.count - 1)
        ) { try loadUNet() }
        var flipped = bytes
        flipped[20] ^= 0x80
        try flipped.write(to: URL(filePath: path))
        #expect(throws: SafeTensorsError.self) { try loadUNet() }
        try FileManager.default.moveItem(
            atPath: path, toPath: directory.file("unet/diffusion_pytorch_model.bin"))
        #expect(
            throws: SafeTensorsError.onlyPickle(
                directory: directory.file("unet"), file: "diffusion_pytorch_model.bin")
        ) { try loadUNet() }
    }

    private func copyModel(_ component: String) throws {
        _ = try directory.copy(try Goldens.path("tiny/\(component)"), as: component)
    }

    private func loadUNet() throws -> UNet2DConditionModel {
        try UNet2DConditionModel.load(
            from: try ModelDirectory(path: directory.path), backend: backend)
    }

    private func setConfiguration(_ component: String, _ key: String, _ value: String) throws {
        let url = URL(filePath: directory.file("\(component)/config.json"))
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        object[key] = try JSONSerialization.jsonObject(
            with: Data(value.utf8), options: .fragmentsAllowed)
        try JSONSerialization.data(withJSONObject: object).write(to: url)
    }

    private func configurationError(_ body: () throws -> Void) throws -> ConfigurationError {
        try #require(#expect(throws: ConfigurationError.self) { try body() })
    }

    private func rewrite(
        _ path: String, _ change: (inout [String: (shape: [Int], values: [Float])]) -> Void
    ) throws {
        let file = try SafeTensorsFile(path: path)
        var tensors: [String: (shape: [Int], values: [Float])] = [:]
        for name in file.names {
            let tensor = try file.tensor(name)
            guard tensor.scalarType.isReadableAsFloat else { continue }
            tensors[name] = (tensor.shape, try tensor.floats())
        }
        change(&tensors)
        var writer = SafeTensorsWriter()
        for (name, tensor) in tensors {
            writer.add(name, shape: tensor.shape, values: tensor.values)
        }
        try writer.write(to: path)
    }
}
