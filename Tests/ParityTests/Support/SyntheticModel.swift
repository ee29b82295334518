// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import SafeTensors
import Synchronization
import TestSupport
import Testing

/// A model whose weights follow from their names, so that no file needs to hold them: the same as
/// `scripts/goldens/single_file.py` makes.
struct SyntheticModel {
    /// The directory in diffusers' layout.
    let directory: String
    private let kind: String

    /// Writes a kind of the goldens into a new directory.
    ///
    /// - Parameter vocabularySize: rows of the table of tokens; `nil` is all of CLIP's.
    init(_ kind: String, in folder: TemporaryDirectory, vocabularySize: Int? = nil) throws {
        self.kind = kind
        directory = folder.file(kind)
        let path = try Goldens.path("single_file/\(kind).json")
        let data = try Data(contentsOf: URL(filePath: path))
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: [String: Any]])
        for component in ["unet", "text_encoder", "vae"] {
            let described = try #require(object[component])
            var configuration = try #require(described["config"] as? [String: Any])
            var shapes = try #require(described["tensors"] as? [String: [Int]])
            if component == "text_encoder", let vocabularySize {
                configuration["vocab_size"] = vocabularySize
                shapes["embeddings.token_embedding.weight"]?[0] = vocabularySize
            }
            try write(configuration, "\(component)/config.json", folder)
            var file = TensorFile()
            for (name, shape) in shapes { file[name] = Self.content(component, name, shape) }
            let baseName = component == "text_encoder" ? "model" : "diffusion_pytorch_model"
            try file.write(to: "\(directory)/\(component)/\(baseName).safetensors")
        }
        try write(
            try #require(object["scheduler"]), "scheduler/scheduler_config.json", folder)
        if vocabularySize == nil { try writeTokenizer(folder) }
    }

    private func write(_ object: Any, _ name: String, _ folder: TemporaryDirectory) throws {
        let data = try JSONSerialization.data(withJSONObject: object)
        try folder.write(Array(data), to: "\(kind)/\(name)")
    }

    /// CLIP's vocabulary, written out.
    private func writeTokenizer(_ folder: TemporaryDirectory) throws {
        let merges = try String(contentsOfFile: EmbeddedModel.clipMerges(), encoding: .utf8)
        let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
        let others = (0..<256 - printable.count).map { 0x100 + $0 }
        let letters = (printable + others).compactMap { UnicodeScalar($0).map(String.init) }
        let joined = merges.split(separator: "\n").dropFirst().map {
            String($0.replacing(" ", with: ""))
        }
        let tokens: [String] =
            letters + letters.map { $0 + "</w>" } + joined + ["<|startoftext|>", "<|endoftext|>"]
        var ids: [String: Int] = [:]
        for (id, token) in tokens.enumerated() { ids[token] = id }
        try write(ids, "tokenizer/vocab.json", folder)
        try folder.write(merges, to: "\(kind)/tokenizer/merges.txt")
        let mark: (String) -> [String: Any] = {
            ["content": $0, "lstrip": false, "normalized": true, "rstrip": false]
        }
        let map: [String: Any] = [
            "bos_token": mark("<|startoftext|>"), "eos_token": mark("<|endoftext|>"),
            "unk_token": mark("<|endoftext|>"), "pad_token": kind == "sd2" ? "!" : "<|endoftext|>",
        ]
        try write(map, "tokenizer/special_tokens_map.json", folder)
    }

    /// How the kind's blocks are named in one file.
    func names() throws -> OriginalNames {
        var names = try OriginalNames(model: directory)
        if kind == "sd2" { names.textNaming = .openCLIP }
        if kind == "bk" { names.stride = 3 }
        return names
    }

    /// The same model in one file.
    func singleFile() throws -> TensorFile { try names().singleFile(of: directory) }

    /// The same model in one file under diffusers' names, behind the names of the parts.
    func wholeFile() throws -> TensorFile {
        var file = TensorFile()
        for part in ["unet", "vae", "text_encoder"] {
            file.add(try TensorFile(folder: "\(directory)/\(part)"), prefix: "\(part).")
        }
        return file
    }

    /// Tables of tokens, which take longer to compute than all the rest and are the same in several
    /// kinds.
    private static let tables = Mutex<[String: TensorFile.Content]>([:])

    /// The values of a tensor, as `weights` in the script.
    static func content(_ component: String, _ name: String, _ shape: [Int]) -> TensorFile.Content {
        guard shape.reduce(1, *) > 1 << 24 else { return computed(component, name, shape) }
        return tables.withLock { tables in
            let key = "\(component)/\(name) \(shape)"
            let content = tables[key] ?? computed(component, name, shape)
            tables[key] = content
            return content
        }
    }

    private static func computed(
        _ component: String, _ name: String, _ shape: [Int]
    ) -> TensorFile.Content {
        let inputs = shape.dropFirst().reduce(1, *)
        var scale: Float = 1.5
        var power = 1
        while power < inputs {
            power *= 4
            scale /= 2
        }
        let isMatrix = shape.count > 1
        let spread = "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias"
        let isNorm = !isMatrix && name.hasSuffix("weight")
        if !isMatrix { scale = isNorm || name == spread ? 0.25 : 0.0625 }
        let center: Float = isNorm ? 1 : 0
        let bits = NamedValues.uniform("\(component)/\(name)", count: shape.reduce(1, *)).map {
            Float16(center + $0 * scale).bitPattern
        }
        return TensorFile.Content(.float16, shape, bits.withUnsafeBytes { Array($0) })
    }
}
