// SPDX-License-Identifier: Apache-2.0

internal import Coordinator
internal import GenerationTypes
internal import StableDiffusion
internal import Synchronization

/// The VAE as the coordinator sees it.
///
/// `@unchecked Sendable`: the decoder belongs to one thread at a time, which the lock sees to.
final class PictureDecoder: LatentDecoding, @unchecked Sendable {
    /// What the VAE runs on.
    let kernelClass: String
    /// What it decodes.
    let format: LatentFormat
    private let decoder: LatentDecoder
    private let lock = Mutex(())

    init(_ decoder: LatentDecoder) {
        self.decoder = decoder
        kernelClass = decoder.kernelClass
        format = LatentFormat(
            channelCount: decoder.latentChannels, scale: decoder.scaleFactor)
    }

    func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        try lock.withLock { _ in try decoder.decode(latents) }
    }
}
