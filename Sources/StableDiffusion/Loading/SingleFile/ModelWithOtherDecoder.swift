// SPDX-License-Identifier: Apache-2.0

/// A model whose decoder is replaced by that of a file of its own; all else is the model's.
package protocol ModelWithOtherDecoder: ModelSource {
    /// The model.
    var model: any ModelSource { get }
    /// The decoder's file: it describes the decoder, and its digest is the decoder's.
    var decoderPath: String { get }
    /// The decoder's weights; no values are read.
    var decoderWeights: ComponentWeights { get }
}

extension ModelWithOtherDecoder {
    package var path: String { model.path }
    package var files: ModelFileLedger { model.files }
    package var indexPath: String { model.indexPath }

    package func index() throws -> ModelIndex? { try model.index() }

    package func defaults() throws -> ModelDefaults? { try model.defaults() }

    package func unetConfiguration() throws -> UNetConfiguration { try model.unetConfiguration() }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration {
        try model.textEncoderConfiguration()
    }

    package func schedulerConfiguration() throws -> SchedulerConfiguration {
        try model.schedulerConfiguration()
    }

    package func tokenizer() throws -> CLIPTokenizer { try model.tokenizer() }

    package func configurationPath(of component: ModelComponent) throws -> String {
        component == .vae ? decoderPath : try model.configurationPath(of: component)
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        component == .vae ? decoderWeights : try model.weights(of: component)
    }

    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        component == .vae ? [.file(decoderPath)] : try model.digestParts(of: component)
    }
}
