// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// The decoding half of an autoencoder: latents to a picture.
package protocol AutoencoderDecoding: AnyObject, Sendable {
    /// Channels of the latents that it decodes.
    var latentChannels: Int { get }
    /// Picture pixels per latent and side: diffusers' `vae_scale_factor`.
    var scaleFactor: Int { get }
    /// How many values of `DecodingPlan.recomputedLevelCount` differ, from 0 on.
    var levelCount: Int { get }

    /// The picture's shape for latents.
    func outputShape(for latents: TensorShape) -> TensorShape

    /// Decodes latents, one picture of the batch after the other.
    ///
    /// - Parameters:
    ///   - latents: as sampling leaves them, `[batch, height, width, latentChannels]`, f32.
    ///   - image: of `outputShape(for:)`, f32, about −1…1, not clamped.
    ///   - plan: how memory is used.
    ///   - observer: is given results of layers by name, where their maps are kept; for tests.
    func decode(
        _ latents: Tensor, into image: Tensor, plan: DecodingPlan, lane: ComputeLane,
        observer: ActivationObserver?)
}

extension AutoencoderKL: AutoencoderDecoding {
    package var latentChannels: Int { configuration.latentChannels }
    package var scaleFactor: Int { configuration.scaleFactor }
}
