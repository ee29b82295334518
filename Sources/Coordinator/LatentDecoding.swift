// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What the coordinator needs of the model: latents in, picture out.
///
/// Called on threads of the decode stage, never on an event loop or the cooperative pool.
package protocol LatentDecoding: Sendable {
    /// Decodes one image with the VAE.
    ///
    /// - Throws: the image's slot fails with the error's description; other images continue.
    func decode(_ latents: GeneratedLatents) throws -> RGBImage
}
