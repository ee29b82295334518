// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The weights of one component of a model: one file, or shards with an index.
package struct Checkpoint: Sendable {
    /// The directory of the component.
    package let directory: String
    /// The files that hold the weights, in the order of their names.
    package let files: [String]
    /// What each of them was when it was opened.
    package let identities: [String: FileIdentity]
    private let tensors: [String: StoredTensor]

    /// Finds, opens and checks the weights in a component's directory.
    ///
    /// - Parameters:
    ///   - baseName: `diffusion_pytorch_model` for diffusers' components, `model` for
    ///     transformers'.
    ///   - variant: a variant to take, such as `fp16`; `nil` takes the weights without a variant
    ///     and falls back to `fp16` and `bf16`.
    package init(
        directory: String, baseName: String, variant: String? = nil
    ) throws(SafeTensorsError) {
        let location = try CheckpointLocation(
            directory: directory, baseName: baseName, variant: variant)
        self.directory = directory
        switch location {
        case .file(let path):
            let file = try SafeTensorsFile(path: path)
            files = [path]
            identities = [path: file.identity]
            tensors = Dictionary(
                uniqueKeysWithValues: file.names.compactMap { name in
                    file[name].map { (name, $0) }
                })
        case .index(let path):
            let index = try Self.index(path)
            let shards = try Self.shards(of: index, path: path, directory: directory)
            files = shards.keys.sorted().map { "\(directory)/\($0)" }
            identities = Dictionary(
                uniqueKeysWithValues: shards.map { ("\(directory)/\($0)", $1.identity) })
            tensors = try Self.tensors(of: index, path: path, in: shards)
        }
    }

    /// Names of all tensors, sorted.
    package var names: [String] { tensors.keys.sorted() }

    /// A tensor by name, if there is one.
    package subscript(name: String) -> StoredTensor? { tensors[name] }

    /// What `save_pretrained` writes beside shards.
    private struct Index: Decodable {
        var weightMap: [String: String]

        private enum CodingKeys: String, CodingKey { case weightMap = "weight_map" }
    }

    private static func index(_ path: String) throws(SafeTensorsError) -> Index {
        let file = try SteadyFile(path: path)
        guard file.byteCount <= SafeTensorsHeader.byteCountMax else {
            throw .invalidIndex(file: path, reason: "it is larger than any index")
        }
        let content = try file.bytes(0..<file.byteCount)
        guard !GitLFSPointer.matches(content) else { throw .gitLFSPointer(file: path) }
        guard let index = try? JSONDecoder().decode(Index.self, from: Data(content)) else {
            throw .invalidIndex(file: path, reason: "it is not JSON with a 'weight_map' of names")
        }
        return index
    }

    private static func shards(
        of index: Index, path: String, directory: String
    ) throws(SafeTensorsError) -> [String: SafeTensorsFile] {
        var shards: [String: SafeTensorsFile] = [:]
        for name in Set(index.weightMap.values).sorted() {
            guard !name.isEmpty, !name.contains("/"), name.hasSuffix(".safetensors") else {
                throw .invalidIndex(file: path, reason: "'\(name)' is no shard beside it")
            }
            guard FileManager.default.fileExists(atPath: "\(directory)/\(name)") else {
                throw .invalidIndex(file: path, reason: "the shard \(name) is missing")
            }
            shards[name] = try SafeTensorsFile(path: "\(directory)/\(name)")
        }
        return shards
    }

    private static func tensors(
        of index: Index, path: String, in shards: [String: SafeTensorsFile]
    ) throws(SafeTensorsError) -> [String: StoredTensor] {
        var tensors: [String: StoredTensor] = [:]
        for (name, shard) in index.weightMap {
            guard let tensor = shards[shard]?[name] else {
                throw .invalidIndex(file: path, reason: "\(shard) has no tensor '\(name)'")
            }
            tensors[name] = tensor
        }
        return tensors
    }
}
