// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// Model folders that hold more than the parts of the plain pipeline, against diffusers' latents
/// (`scripts/goldens/model_folders.py`).
@Suite(.serialized)
struct ModelFolderTests {
    private static let latentsDistanceMax = 3e-4

    private func latents(_ request: GenerationRequest, of folder: String) throws -> [Float] {
        let pipeline = try StableDiffusionPipeline(
            model: ModelDirectory(path: folder),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: 2))
        let run = try pipeline.begin(request)
        while try run.next() != nil {}
        return run.latents.values
    }

    /// Saved by diffusers 0.42 and transformers 5 after `load_textual_inversion`: tokens that only
    /// `tokenizer.json` lists, one of them with three vectors.
    @Test(arguments: [
        ("first", "a <ship> on the sea under a <glow> sky"),
        ("twice", "<ship> and <SHIP> beside a house"),
        ("none", "a red house in the snow"),
    ])
    func textualInversions(_ name: String, _ prompt: String) throws {
        let goldens = try SafeTensorsFile(path: try Goldens.path("inversions.safetensors"))
        let folder = try Self.embeddedCopy(without: "tokenizer")
        _ = try folder.copy(try Goldens.path("inversions"), as: "tokenizer")
        let vectors = try goldens.tensor("vectors")
        let vocabularySize = try Self.change(
            folder.file("text_encoder/model.safetensors"), "embeddings.token_embedding.weight"
        ) { shape, values in
            shape[0] += vectors.shape[0]
            values += try vectors.floats()
        }
        try Self.setConfiguration(
            folder.file("text_encoder/config.json"), "vocab_size", vocabularySize)
        let request = GenerationRequest(
            prompt: prompt, negativePrompt: "a <glow>", seed: 42, width: 64, height: 64,
            inferenceStepCount: 6, guidanceScale: 5, samplingMethod: .ddim, tokenMerging: .none)
        let distance = relativeL2(
            try latents(request, of: folder.path), try goldens.tensor(name).floats())
        #expect(distance <= Self.latentsDistanceMax, "\(distance)")
    }

    /// `LatentConsistencyModelPipeline` with its own defaults, which are the model's recipe.
    @Test func latentConsistency() throws {
        let goldens = try SafeTensorsFile(path: try Goldens.path("consistency.safetensors"))
        let folder = try Self.embeddedCopy(without: ModelDefaults.fileName)
        let weight = try goldens.tensor("weight")
        let file = folder.file("unet/diffusion_pytorch_model.safetensors")
        try Self.add("time_embedding.cond_proj.weight", weight, to: file)
        try Self.setConfiguration(folder.file("unet/config.json"), "time_cond_proj_dim", 32)
        try Self.setConfiguration(
            folder.file("model_index.json"), "_class_name", "LatentConsistencyModelPipeline")
        let description = try ModelDescription(of: ModelDirectory(path: folder.path))
        let recipe = description.recipe
        #expect(recipe.kind == .latentConsistency)
        let request = GenerationRequest(
            prompt: "a red house in the snow", seed: 42, width: 64, height: 64,
            inferenceStepCount: recipe.inferenceStepCount, guidanceScale: recipe.guidanceScale,
            samplingMethod: recipe.samplingMethod, tokenMerging: .none)
        let distance = relativeL2(
            try latents(request, of: folder.path), try goldens.tensor("latents").floats())
        #expect(distance <= Self.latentsDistanceMax, "\(distance)")
    }

    /// A copy of the embedded model, except for one part.
    private static func embeddedCopy(without part: String) throws -> TemporaryDirectory {
        let folder = try TemporaryDirectory()
        let source = try EmbeddedModel.directory()
        for name in try FileManager.default.contentsOfDirectory(atPath: source) where name != part {
            _ = try folder.copy("\(source)/\(name)", as: name)
        }
        return folder
    }

    /// Changes one tensor of a file, by the name without `text_model.`.
    ///
    /// - Returns: its new first length.
    private static func change(
        _ path: String, _ name: String,
        _ body: (inout [Int], inout [Float]) throws -> Void
    ) throws -> Int {
        var first = 0
        try rewrite(path) { writer, tensor in
            var (shape, values) = (tensor.shape, try tensor.floats())
            if tensor.name.hasSuffix(name) {
                try body(&shape, &values)
                first = shape[0]
            }
            writer.add(tensor.name, shape: shape, values: values)
        }
        return first
    }

    private static func add(_ name: String, _ tensor: StoredTensor, to path: String) throws {
        var isAdded = false
        try rewrite(path) { writer, other in
            if !isAdded { writer.add(name, shape: tensor.shape, values: try tensor.floats()) }
            isAdded = true
            writer.add(other.name, shape: other.shape, values: try other.floats())
        }
    }

    private static func rewrite(
        _ path: String, _ body: (inout SafeTensorsWriter, StoredTensor) throws -> Void
    ) throws {
        let file = try SafeTensorsFile(path: path)
        var writer = SafeTensorsWriter()
        for name in file.names {
            let tensor = try file.tensor(name)
            if tensor.scalarType.isReadableAsFloat { try body(&writer, tensor) }
        }
        try writer.write(to: path)
    }

    private static func setConfiguration(_ path: String, _ key: String, _ value: Any) throws {
        let url = URL(filePath: path)
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        object[key] = value
        try JSONSerialization.data(withJSONObject: object).write(to: url)
    }
}
