// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// What `vae/config.json` says, of whichever class it is.
package enum AutoencoderConfiguration: Sendable, Equatable {
    case kl(VAEConfiguration)
    case tiny(AutoencoderTinyConfiguration)

    /// Channels of the latents.
    package var latentChannels: Int {
        switch self {
        case .kl(let configuration): configuration.latentChannels
        case .tiny(let configuration): configuration.latentChannels
        }
    }

    /// How records name a decoder that is not the model's full one; `nil` for that.
    package var recordedName: String? {
        switch self {
        case .kl: nil
        case .tiny: "TAESD"
        }
    }

    /// diffusers' `vae_scale_factor`: picture pixels per latent pixel, along each side.
    package var scaleFactor: Int {
        switch self {
        case .kl(let configuration): configuration.scaleFactor
        case .tiny(let configuration): configuration.scaleFactor
        }
    }
}

extension AutoencoderConfiguration: ComponentConfiguration {
    private enum CodingKeys: String, CodingKey { case className = "_class_name" }

    package init(from decoder: any Decoder) throws {
        let name = try decoder.container(keyedBy: CodingKeys.self)
            .decodeIfPresent(String.self, forKey: .className)
        self =
            name == AutoencoderTinyConfiguration.className
            ? .tiny(try AutoencoderTinyConfiguration(from: decoder))
            : .kl(try VAEConfiguration(from: decoder))
    }

    package func validate() throws(ConfigurationProblem) {
        switch self {
        case .kl(let configuration): try configuration.validate()
        case .tiny(let configuration): try configuration.validate()
        }
    }
}

extension ModelSource {
    /// Loads what makes pictures of its latents, the decoding half.
    ///
    /// - Parameter team: the threads that read and pack the weights.
    /// - Throws: `ConfigurationError`, `SafeTensorsError`, `CheckpointMismatchError`.
    package func autoencoder(
        backend: any ComputeBackend, team: ThreadTeam
    ) throws -> any AutoencoderDecoding {
        switch try autoencoderConfiguration() {
        case .kl: return try AutoencoderKL.load(from: self, backend: backend, team: team)
        case .tiny(let configuration):
            return try WeightLoader.build(
                from: try weights(of: .vae), backend: backend, team: team
            ) { loader in
                try AutoencoderTiny(configuration, loader: loader)
            }
        }
    }
}
