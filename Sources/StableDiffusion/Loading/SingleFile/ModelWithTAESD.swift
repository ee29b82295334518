// SPDX-License-Identifier: Apache-2.0

/// A model whose pictures are made by the TAESD of a file of its own.
package struct ModelWithTAESD: Sendable {
    package let model: any ModelSource
    package let decoderPath: String
    private let taesd: TinyAutoencoderFile

    /// Opens the TAESD and compares its latents with the model's.
    ///
    /// - Throws: `TinyAutoencoderFileError`, `SingleFileError`, `SafeTensorsError`, and what the
    ///   model says of its U-Net.
    package init(_ model: any ModelSource, taesd path: String) throws {
        taesd = try TinyAutoencoderFile(path: path, noting: model.files)
        let channels = try model.unetConfiguration().outputChannels
        // A model may come without a VAE; all known ones have this factor.
        let scale = (try? model.autoencoderConfiguration().scaleFactor) ?? 8
        let found = taesd.configuration
        guard found.latentChannels == channels, found.scaleFactor == scale else {
            throw TinyAutoencoderFileError(
                path: path,
                problem: .otherLatents(
                    channels: found.latentChannels, scale: found.scaleFactor,
                    modelChannels: channels, modelScale: scale))
        }
        self.model = model
        decoderPath = path
    }
}

extension ModelWithTAESD: ModelWithOtherDecoder {
    package var decoderWeights: ComponentWeights { taesd.weights }

    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        .tiny(taesd.configuration)
    }
}
