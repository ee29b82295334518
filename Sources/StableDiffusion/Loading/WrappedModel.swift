// SPDX-License-Identifier: Apache-2.0

/// A model that changes something of another one; all that it doesn't say is the other's.
package protocol WrappedModel: ModelSource {
    /// The other model.
    var model: any ModelSource { get }
}

extension WrappedModel {
    package var path: String { model.path }
    package var files: ModelFileLedger { model.files }
    package var indexPath: String { model.indexPath }
    package var loras: [LoRASelection] { model.loras }
    package var embeddings: [EmbeddingSelection] { model.embeddings }

    package func index() throws -> ModelIndex? { try model.index() }

    package func defaults() throws -> ModelDefaults? { try model.defaults() }

    package func unetConfiguration() throws -> UNetConfiguration { try model.unetConfiguration() }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration {
        try model.textEncoderConfiguration()
    }

    package func vaeConfiguration() throws -> VAEConfiguration { try model.vaeConfiguration() }

    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        try model.autoencoderConfiguration()
    }

    package func schedulerConfiguration() throws -> SchedulerConfiguration {
        try model.schedulerConfiguration()
    }

    package func tokenizer() throws -> CLIPTokenizer { try model.tokenizer() }

    package func configurationPath(of component: ModelComponent) throws -> String {
        try model.configurationPath(of: component)
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        try model.weights(of: component)
    }

    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        try model.digestParts(of: component)
    }
}
