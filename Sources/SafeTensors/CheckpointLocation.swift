// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Where in a component's directory the weights are.
enum CheckpointLocation: Equatable {
    /// One file with everything.
    case file(String)
    /// The index of shards.
    case index(String)

    /// Variants tried when none is asked for and none without a name is there.
    private static let fallbackVariants = ["fp16", "bf16"]

    init(directory: String, baseName: String, variant: String?) throws(SafeTensorsError) {
        let variants: [String?] = variant.map { [$0] } ?? [nil] + Self.fallbackVariants
        for variant in variants {
            let file = "\(directory)/\(Self.fileName(baseName, variant: variant))"
            if FileManager.default.fileExists(atPath: file) {
                self = .file(file)
                return
            }
            for name in Self.indexNames(baseName, variant: variant) {
                let index = "\(directory)/\(name)"
                if FileManager.default.fileExists(atPath: index) {
                    self = .index(index)
                    return
                }
            }
        }
        let pickles = ["\(baseName).bin", "pytorch_model.bin", "\(baseName).fp16.bin"]
        for pickle in pickles where FileManager.default.fileExists(atPath: "\(directory)/\(pickle)")
        {
            throw .onlyPickle(directory: directory, file: pickle)
        }
        throw .missingWeights(
            directory: directory,
            expected: variants.map { Self.fileName(baseName, variant: $0) }
                + [Self.indexNames(baseName, variant: variants[0])[0]])
    }

    /// `model.safetensors` or `model.fp16.safetensors`.
    private static func fileName(_ baseName: String, variant: String?) -> String {
        variant.map { "\(baseName).\($0).safetensors" } ?? "\(baseName).safetensors"
    }

    /// The spellings of an index: what diffusers and transformers write today (`_add_variant`),
    /// what diffusers wrote before 0.31 (`_fetch_index_file_legacy`), and what people write.
    private static func indexNames(_ baseName: String, variant: String?) -> [String] {
        guard let variant else { return ["\(baseName).safetensors.index.json"] }
        return [
            "\(baseName).safetensors.index.\(variant).json",
            "\(baseName).safetensors.\(variant).index.json",
            "\(baseName).\(variant).safetensors.index.json",
        ]
    }
}
