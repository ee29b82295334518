// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A model whose prompts may name textual inversions: their vectors are further rows of the text
/// encoder's table, and the tokenizer puts their ids in the place of their names.
package struct ModelWithEmbeddings: WrappedModel {
    package let model: any ModelSource
    package let embeddings: [EmbeddingSelection]
    package var checkpoint: any ModelSource { model.checkpoint }
    private let inversions: [TextualInversionFile]
    private let words: InversionTokens
    private let configuration: TextEncoderConfiguration

    /// Opens the files.
    ///
    /// - Throws: `TextualInversionError`, `SingleFileError`, `SafeTensorsError`, and what the model
    ///   says of its text encoder.
    package init(_ model: any ModelSource, _ embeddings: [EmbeddingSelection]) throws {
        var configuration = try model.textEncoderConfiguration()
        let tokenizer = try model.tokenizer()
        var files: [TextualInversionFile] = []
        var words = InversionTokens()
        for embedding in embeddings {
            let file = try TextualInversionFile(
                path: embedding.path, width: configuration.hiddenSize, noting: model.files)
            let first = Int32(configuration.vocabularySize)
            do throws(TextualInversionProblem) {
                try words.add(
                    embedding.name, ids: tokenizer.ids(of: embedding.name),
                    vectors: first..<first + Int32(file.vectorCount))
            } catch {
                throw TextualInversionError(path: embedding.path, problem: error)
            }
            configuration.vocabularySize += file.vectorCount
            files.append(file)
        }
        self.model = model
        self.embeddings = embeddings
        inversions = files
        self.words = words
        self.configuration = configuration
    }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration { configuration }

    package func tokenizer() throws -> CLIPTokenizer {
        try model.tokenizer().replacing(words)
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        let weights = try model.weights(of: component)
        guard component == .textEncoder else { return weights }
        return weights.extended("embeddings.token_embedding.weight", by: inversions.map(\.vectors))
    }

    /// With the text encoder every file, and the words that stand for it.
    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        let parts = try model.digestParts(of: component)
        guard component == .textEncoder else { return parts }
        return parts
            + embeddings.flatMap { [DigestPart.file($0.path), .text("embedding \($0.name)")] }
    }
}
