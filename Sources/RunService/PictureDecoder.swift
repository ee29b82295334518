// SPDX-License-Identifier: Apache-2.0

package import Coordinator
package import GenerationTypes
package import StableDiffusion
import Synchronization

/// The VAE as the coordinator sees it.
///
/// `@unchecked Sendable`: the decoder belongs to one thread at a time, which the lock ensures.
package final class PictureDecoder: LatentDecoding, @unchecked Sendable {
    /// What the VAE runs on.
    package let kernelClass: String
    /// What it decodes.
    package let format: LatentFormat
    private let decoder: LatentDecoder
    private let lock = Mutex(())

    /// Wraps a decoder, which nobody else may use.
    package init(_ decoder: LatentDecoder) {
        self.decoder = decoder
        kernelClass = decoder.kernelClass
        format = LatentFormat(
            channelCount: decoder.latentChannels, scale: decoder.scaleFactor)
    }

    /// Decodes one image.
    package func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        try lock.withLock { _ in try decoder.decode(latents) }
    }
}
