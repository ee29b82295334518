// SPDX-License-Identifier: Apache-2.0

/// A model whose pictures are made by the TAESD of a file of its own.
package struct ModelWithTAESD: Sendable {
    private let model: any ModelSource
    private let taesdPath: String
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
        taesdPath = path
    }
}

extension ModelWithTAESD: ModelSource {
    package var path: String { model.path }
    package var files: ModelFileLedger { model.files }
    package var indexPath: String { model.indexPath }

    package func index() throws -> ModelIndex? { try model.index() }

    package func unetConfiguration() throws -> UNetConfiguration { try model.unetConfiguration() }

    package func textEncoderConfiguration() throws -> TextEncoderConfiguration {
        try model.textEncoderConfiguration()
    }

    package func vaeConfiguration() throws -> VAEConfiguration { try model.vaeConfiguration() }

    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        .tiny(taesd.configuration)
    }

    package func schedulerConfiguration() throws -> SchedulerConfiguration {
        try model.schedulerConfiguration()
    }

    package func tokenizer() throws -> CLIPTokenizer { try model.tokenizer() }

    package func configurationPath(of component: ModelComponent) throws -> String {
        component == .vae ? taesdPath : try model.configurationPath(of: component)
    }

    package func weights(of component: ModelComponent) throws -> ComponentWeights {
        component == .vae ? taesd.weights : try model.weights(of: component)
    }

    package func digestParts(of component: ModelComponent) throws -> [DigestPart] {
        component == .vae ? [.file(taesdPath)] : try model.digestParts(of: component)
    }
}
