// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A model whose VAE is replaced by one of a file of its own.
package struct ModelWithVAE: Sendable {
    package let model: any ModelSource
    package let decoderPath: String
    private let vae: SingleFileVAE
    private let configuration: VAEConfiguration

    /// Opens the VAE.
    ///
    /// - Throws: `SingleFileError`, `SafeTensorsError`, and what the model says of its U-Net.
    package init(_ model: any ModelSource, vae path: String) throws {
        let file = try SingleFileModel.open(path, model.files)
        let tensors = file.tensors
        func refuse(_ kind: String, _ advice: String) -> SingleFileError {
            SingleFileError(path: path, problem: .otherKind(kind, advice: advice))
        }
        guard let vae = SingleFileVAE(in: tensors) else {
            let isTiny = tensors.keys.contains { $0.hasPrefix("decoder.layers.") }
            throw refuse(
                isTiny ? "a tiny autoencoder (TAESD)" : "no VAE",
                "give --vae the .safetensors file of a Stable Diffusion 1.x or 2.x VAE")
        }
        // Nothing in its keys or shapes tells it from Stable Diffusion's.
        guard !Self.isForSDXL(path, file.metadata) else {
            throw refuse(
                "a VAE of SDXL by its name or metadata",
                "SDXL's latents are others; rename it if it is not")
        }
        let unet = try model.unetConfiguration()
        let side = 8 * (unet.sampleGrid?.height ?? 64)
        var configuration = vae.configuration(sampleSide: side)
        // What no file says is the model's own.
        if let own = try? model.vaeConfiguration() {
            configuration.normGroupCount = own.normGroupCount
            configuration.activationFunction = own.activationFunction
            configuration.scalingFactor = own.scalingFactor
            configuration.shiftFactor = own.shiftFactor
            configuration.sampleSize = own.sampleSize
        }
        guard configuration.latentChannels == unet.outputChannels else {
            throw refuse(
                "a VAE of \(configuration.latentChannels) latent channels",
                "this model's U-Net has \(unet.outputChannels); take a VAE of the same kind of model"
            )
        }
        do throws(ConfigurationProblem) { try configuration.validate() } catch {
            throw SingleFileError(path: path, problem: .shape("\(error)"))
        }
        self.model = model
        self.vae = vae
        self.configuration = configuration
        decoderPath = path
    }

    private static func isForSDXL(_ path: String, _ metadata: [String: String]) -> Bool {
        let name = path.split(separator: "/").last?.lowercased() ?? ""
        return name.contains("sdxl")
            || metadata["modelspec.architecture"]?.contains("stable-diffusion-xl") == true
    }
}

extension ModelWithVAE: ModelWithOtherDecoder {
    package var decoderWeights: ComponentWeights {
        ComponentWeights(
            path: decoderPath, fitting: "the shape that its other keys describe", vae.weights)
    }

    package func vaeConfiguration() throws -> VAEConfiguration { configuration }

    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        .kl(configuration)
    }
}
