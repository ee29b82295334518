// SPDX-License-Identifier: Apache-2.0

/// A model whose decoder is replaced by that of a file of its own; all else is the model's.
package protocol ModelWithOtherDecoder: WrappedModel {
    /// The decoder's file: it describes the decoder, and its digest is the decoder's.
    var decoderPath: String { get }
    /// The decoder's weights; no values are read.
    var decoderWeights: ComponentWeights { get }
}

extension ModelWithOtherDecoder {
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
