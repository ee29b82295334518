// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Files that are no LoRA for the model: each is refused with one error that says what it is.
@Suite struct LoRARefusalTests {
    private static let stem = "lora_unet_mid_block_attentions_0_proj_in"

    typealias Case = ChangedFile

    private static func tensor(_ shape: [Int], _ value: Float = 0.5) -> TensorFile.Content {
        TensorFile.Content(shape, [Float](repeating: value, count: shape.reduce(1, *)))
    }

    private static func sound() -> TensorFile {
        var file = TensorFile()
        file["\(stem).lora_down.weight"] = tensor([2, 32, 1, 1])
        file["\(stem).lora_up.weight"] = tensor([32, 2, 1, 1])
        file["\(stem).alpha"] = tensor([], 1)
        return file
    }

    static let cases = [
        Case("a layer that there is not", refusedWith: "1 of its 4 tensors", "conv_7") {
            $0["lora_unet_conv_7.lora_up.weight"] = tensor([2, 2])
        },
        Case("SDXL's keys", refusedWith: "20 of its 23 tensors", "… and 8 more", "sdxl_base_v1-0") {
            file in
            for index in 0..<20 {
                file["lora_te2_text_model_encoder_layers_\(index)_mlp_fc1.alpha"] = tensor([], 1)
            }
            file.metadata["ss_base_model_version"] = "sdxl_base_v1-0\u{1B}[31m"
        },
        Case("keys of a checkpoint", refusedWith: "is no LoRA", "--model") { file in
            file = TensorFile()
            file["model.diffusion_model.input_blocks.0.0.weight"] = tensor([2, 2])
        },
        Case("no tensors", refusedWith: "is no LoRA") { $0 = TensorFile() },
        Case("text of another width", refusedWith: "have another shape", "[32, 64], not [32, 48]") {
            file in
            let stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
            file["\(stem).lora_down.weight"] = tensor([2, 64])
            file["\(stem).lora_up.weight"] = tensor([32, 2])
        },
        Case("ranks that differ", refusedWith: "different ranks", "lora_up.weight [32, 3, 1, 1]") {
            $0["\(stem).lora_up.weight"] = tensor([32, 3, 1, 1])
        },
        Case("a kernel on the upper side", refusedWith: "is no matrix") {
            $0["\(stem).lora_up.weight"] = tensor([32, 2, 3, 3])
        },
        Case("a core of another rank", refusedWith: "doesn't fit between") {
            $0["\(stem).lora_mid.weight"] = tensor([3, 2, 3, 3])
        },
        Case("half of a layer", refusedWith: "lora_up is missing") {
            $0["\(stem).lora_up.weight"] = nil
        },
        Case("nothing but α", refusedWith: "nothing that it scales") { file in
            file["\(stem).lora_up.weight"] = nil
            file["\(stem).lora_down.weight"] = nil
        },
        Case("rank 0", refusedWith: "is empty") { file in
            file["\(stem).lora_down.weight"] = tensor([0, 32])
            file["\(stem).lora_up.weight"] = tensor([32, 0])
        },
        Case("α of 0", refusedWith: "alpha is 0.0", "no effect") {
            $0["\(stem).alpha"] = tensor([], 0)
        },
        Case("α that is no number", refusedWith: "alpha is nan") {
            $0["\(stem).alpha"] = tensor([], .nan)
        },
        Case("an endless scale", refusedWith: "scale is inf") {
            $0["\(stem).scale"] = tensor([], .infinity)
        },
        Case("α for every row", refusedWith: "alpha is F32 [32]") {
            $0["\(stem).alpha"] = tensor([32], 1)
        },
        Case("two names of a layer", refusedWith: "two names of one layer", "middle_block_1_") {
            file in
            file["lora_unet_middle_block_1_proj_in.lora_down.weight"] = tensor([2, 32])
            file["lora_unet_middle_block_1_proj_in.lora_up.weight"] = tensor([32, 2])
        },
        Case("two spellings of a factor", refusedWith: "two names of one layer", ".lora_A.weight") {
            $0["\(stem).lora_A.weight"] = tensor([2, 32])
        },
        Case("LoRA and LoHa at once", refusedWith: "LoRA and LoHa at once") {
            $0["\(stem).hada_w1_a"] = tensor([32, 2])
        },
        Case("a LoHa with one core", refusedWith: "one of hada_t1 and hada_t2") { file in
            file = TensorFile()
            for name in ["w1_a", "w1_b", "w2_a", "w2_b", "t1"] {
                file["\(stem).hada_\(name)"] = tensor([2, 2])
            }
        },
        Case("a LoKr whole and in factors", refusedWith: "lokr_w1 is there whole and in factors") {
            file in
            file = TensorFile()
            for name in ["w1", "w1_a", "w2"] { file["\(stem).lokr_\(name)"] = tensor([4, 4]) }
        },
        Case("magnitudes of neither rows nor columns", refusedWith: "dora_scale is [1, 7]") {
            $0["\(stem).dora_scale"] = tensor([1, 7])
        },
        Case("a bias that the layer lacks", refusedWith: "no bias there") { file in
            let stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
            file["\(stem).diff_b"] = tensor([32])
        },
        Case("whole numbers", refusedWith: "type I32") {
            $0["\(stem).lora_up.weight"] = TensorFile.Content(
                .int32, [32, 2], [UInt8](repeating: 0, count: 256))
        },
        Case("OFT", refusedWith: "another kind, OFT") {
            $0["\(stem).oft_blocks"] = tensor([2, 2, 2])
        },
        Case("IA³", refusedWith: "another kind, IA³") { $0["\(stem).on_input"] = tensor([1]) },
        Case("GLoRA", refusedWith: "another kind, GLoRA") {
            $0["\(stem).b2.weight"] = tensor([2, 2])
        },
        Case("a header that is no JSON", refusedWith: "lora_adapter_metadata", "can't be read") {
            $0.metadata["lora_adapter_metadata"] = "{"
        },
        Case("α for layers by an expression", refusedWith: "alpha_pattern that is no name") {
            $0.metadata["lora_adapter_metadata"] = #"{"unet.alpha_pattern": {"(a+)+$": 2}}"#
        },
        Case("α of 0 in the header", refusedWith: "lora_alpha of", "is 0.0") { file in
            file["\(stem).alpha"] = nil
            file.metadata["lora_adapter_metadata"] = #"{"unet.lora_alpha": 0}"#
        },
    ]

    private func open(_ path: String) throws -> ModelWithLoRAs {
        try ModelWithLoRAs(
            ModelDirectory(path: Goldens.path("tiny")),
            loras: [LoRASelection(name: "a", path: path)])
    }

    private func refusal(of path: String) throws -> String {
        var message = ""
        #expect(throws: (any Error).self) {
            do { _ = try open(path) } catch {
                message = "\(error)"
                throw error
            }
        }
        return message
    }

    @Test func theSoundOneIsMerged() throws {
        let folder = try TemporaryDirectory()
        _ = try open(Self.sound().write(to: folder.file("a.safetensors")))
    }

    @Test(arguments: cases)
    func wrongFilesAreNamed(_ refused: Case) throws {
        let folder = try TemporaryDirectory()
        var file = Self.sound()
        refused.change(&file)
        let path = try file.write(to: folder.file("a.safetensors"))
        let message = try refusal(of: path)
        #expect(message.contains(path), "\(message)")
        for word in refused.words { #expect(message.contains(word), "\(message)") }
        // Keys are a stranger's, but without control codes, as everywhere.
        #expect(!message.contains("\u{1B}"))
        #expect(message.split(separator: "\n").count <= 16, "\(message)")
    }

    @Test(arguments: [
        ("a.pt", "PK\u{3}\u{4}", "is a Python pickle"),
        ("a.safetensors", "PK\u{3}\u{4}", "is a Python pickle"),
        ("a.gguf", "GGUF", "is a GGUF file"),
        (
            "a.safetensors",
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", "Git LFS"
        ),
        ("a.safetensors", "", "has only 0 bytes"),
    ])
    func otherFilesAreNamed(_ name: String, _ content: String, _ words: String) throws {
        let folder = try TemporaryDirectory()
        let message = try refusal(of: folder.write(content, to: name))
        #expect(message.contains(words), "\(message)")
    }

    @Test func truncatedAndDamagedFilesAreRefused() throws {
        let folder = try TemporaryDirectory()
        let path = try Self.sound().write(to: folder.file("a.safetensors"))
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        for count in [0, 7, 8, 100, bytes.count - 1] {
            _ = try refusal(of: folder.write(Array(bytes[..<count]), to: "b.safetensors"))
        }
        // Whatever bit is flipped in the header: an error or another LoRA, never a crash.
        var random = SplitMix64(seed: 7)
        for _ in 0..<40 {
            var damaged = bytes
            let bit = Int(random.next() % UInt64(8 * bytes.count))
            damaged[bit / 8] ^= 1 << (bit % 8)
            let path = try folder.write(damaged, to: "c.safetensors")
            guard let model = try? open(path) else { continue }
            _ = try? model.weight(.unet, "mid_block.attentions.0.proj_in.weight")
        }
    }

    /// A value that is no number is found where it is read, with its tensor's name.
    @Test(arguments: [Float.nan, .infinity])
    func valuesThatAreNoNumbers(_ value: Float) throws {
        let folder = try TemporaryDirectory()
        var file = Self.sound()
        file["\(Self.stem).lora_up.weight"] = Self.tensor([32, 2, 1, 1], value)
        let path = try file.write(to: folder.file("a.safetensors"))
        let model = try open(path)
        #expect(
            throws: SafeTensorsError.notFinite(file: path, tensor: "\(Self.stem).lora_up.weight")
        ) { try model.weight(.unet, "mid_block.attentions.0.proj_in.weight") }
    }

    /// Such headers are refused by their length or count, before anything is made of their keys.
    @Test func millionsOfKeysAreRefusedInTime() throws {
        let folder = try TemporaryDirectory()
        let entry = #"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#
        func write(_ entries: String) throws -> String {
            let header = "{\(entries)" + #""__metadata__":{}}"#
            let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            return try folder.write(length + Array(header.utf8), to: "a.safetensors")
        }
        let many = try refusal(of: write(String(repeating: "\"k\(entry)", count: 1_000_000)))
        #expect(many.contains("claims a header of"), "\(many)")
        let fewer = try refusal(of: write((0..<60_000).map { "\"k\($0)\(entry)" }.joined()))
        #expect(fewer.contains("has 60000 tensors"), "\(fewer)")
    }

    @Test func namesTwiceInTheHeaderAreRefused() throws {
        let folder = try TemporaryDirectory()
        let entry = #"{"dtype":"F32","shape":[1],"data_offsets":["#
        let header =
            #"{"\#(Self.stem).alpha":\#(entry)0,4]},"\#(Self.stem).alpha":\#(entry)4,8]}}"#
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        let bytes = length + Array(header.utf8) + [UInt8](repeating: 0, count: 8)
        _ = try refusal(of: folder.write(bytes, to: "a.safetensors"))
    }
}
