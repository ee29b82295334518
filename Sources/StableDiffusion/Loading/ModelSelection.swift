// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Which model to open, as a user says it.
package struct ModelSelection: Sendable, Equatable {
    /// A directory in diffusers' layout, or a `.safetensors` file.
    package var path: String
    /// A file whose VAE takes the place of the model's.
    package var vae: String?
    /// A file whose TAESD decodes in place of the model's VAE.
    package var taesd: String?
    /// A directory of JSON files that describe a model in one file.
    package var configuration: String?
    /// What the U-Net of a model in one file predicts.
    package var prediction: PredictionType?
    /// LoRAs that are merged into it, in the order of the sum.
    package var loras: [LoRASelection] = []
    /// Textual inversions that prompts may name.
    package var embeddings: [EmbeddingSelection] = []

    /// A model as it is.
    package init(path: String) { self.path = path }

    /// Opens it; no weights are read.
    ///
    /// - Parameter merges: where CLIP's merges are; asked for only where they are needed.
    /// - Throws: `ConfigurationError`, `SingleFileError`, `SafeTensorsError`,
    ///   `ModelSelectionError`, `TinyAutoencoderFileError`, `LoRAError`, `TextualInversionError`, and
    ///   what `merges` throws.
    package func open(merges: () throws -> String) throws -> any ModelSource {
        var isDirectory = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        guard exists else { throw ConfigurationError(path: path, problem: .missingModel) }
        let model: any ModelSource
        if !isDirectory {
            var options = SingleFileModel.Options(merges: try merges())
            options.configuration = try configuration.map { try ModelDirectory(path: $0) }
            options.prediction = prediction
            model = try SingleFileModel(path: path, options: options)
        } else {
            model = try ModelDirectory(path: path)
            guard configuration == nil, prediction == nil else {
                throw ModelSelectionError(path: path)
            }
        }
        let whole = try vae.map { try ModelWithVAE(model, vae: $0) } ?? model
        let decodable = try taesd.map { try ModelWithTAESD(whole, taesd: $0) } ?? whole
        let merged = loras.isEmpty ? decodable : try ModelWithLoRAs(decodable, loras: loras)
        return embeddings.isEmpty ? merged : try ModelWithEmbeddings(merged, embeddings)
    }
}

/// Options for models in one file beside a directory.
package struct ModelSelectionError: Error, Equatable, CustomStringConvertible {
    /// The directory.
    package let path: String

    package init(path: String) { self.path = path }

    package var description: String {
        """
        \(path) is a directory, which says itself how the model is built and what it predicts; \
        --model-config and --prediction are for models in one file
        """
    }
}
