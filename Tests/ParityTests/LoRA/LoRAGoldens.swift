// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The LoRA files that `scripts/goldens/lora.py` describes, and the weights that diffusers, PEFT and
/// LyCORIS make of them.
struct LoRAGoldens: Decodable {
    /// A file's tensors; their values follow from their names.
    struct File: Decodable {
        var tensors: [String: [Int]]
        var metadata: [String: String]
        /// α of all layers.
        var alpha: Double?
        /// α by stem.
        var alphas: [String: Double]?
    }

    /// LoRAs that are merged at once.
    struct Case: Decodable {
        var name: String
        var loras: [LoRA]
    }

    /// A file and its weights for text encoder and U-Net.
    struct LoRA: Decodable {
        var file: String
        var textWeight: Float
        var unetWeight: Float

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            file = try values.decode(String.self)
            textWeight = try values.decode(Float.self)
            unetWeight = try values.decode(Float.self)
        }
    }

    var files: [String: File]
    var cases: [Case]

    /// Reads the description.
    static func load() throws -> LoRAGoldens {
        let path = try Goldens.path("lora.json")
        try #require(
            FileManager.default.fileExists(atPath: path),
            "missing \(path): run scripts/export_goldens.py lora")
        return try JSONDecoder().decode(
            LoRAGoldens.self, from: try Data(contentsOf: URL(filePath: path)))
    }

    /// The content of a file.
    func content(_ name: String) throws -> TensorFile {
        let described = try #require(files[name])
        var file = TensorFile()
        file.metadata = described.metadata
        for (key, shape) in described.tensors {
            let isMagnitude = key.contains("dora_scale") || key.contains("magnitude")
            let values = NamedValues.uniform("\(name)/\(key)", count: shape.reduce(1, *))
            file[key] = TensorFile.Content(
                shape, values.map { (isMagnitude ? 1 : 0) + $0 * 0.25 })
        }
        var alphas = described.alphas ?? [:]
        if let alpha = described.alpha {
            for key in described.tensors.keys { alphas[String(key.prefix { $0 != "." })] = alpha }
        }
        for (stem, alpha) in alphas {
            file["\(stem).alpha"] = TensorFile.Content([], [Float(alpha)])
        }
        return file
    }

    /// Writes the files of a case.
    func selections(_ loras: [LoRA], in folder: TemporaryDirectory) throws -> [LoRASelection] {
        try loras.map { lora in
            let path = folder.file("\(lora.file).safetensors")
            return LoRASelection(
                name: lora.file, path: try content(lora.file).write(to: path),
                textWeight: lora.textWeight, unetWeight: lora.unetWeight)
        }
    }
}

extension ModelSource {
    /// All values of a weight, as layers get them.
    func weight(_ component: ModelComponent, _ name: String) throws -> [Float] {
        try ReadWeights(self)(component, name)
    }
}

/// A model's weights as layers get them, its files opened once.
struct ReadWeights {
    private let weights: [ModelComponent: ComponentWeights]
    private let backend: any ComputeBackend

    init(_ model: any ModelSource) throws {
        backend = try ComputeConfiguration.tests.resolve().makeBackend()
        weights = Dictionary(
            uniqueKeysWithValues: try [ModelComponent.unet, .textEncoder].map {
                ($0, try model.weights(of: $0))
            })
    }

    /// All values of a weight.
    func callAsFunction(_ component: ModelComponent, _ name: String) throws -> [Float] {
        try #require(weights[component]).values(of: name, backend: backend)
    }
}
