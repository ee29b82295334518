// SPDX-License-Identifier: Apache-2.0

/// A decoded image: what the consumer of a run receives, in order of completion.
package struct FinishedImage: Sendable {
    /// The image's result.
    package var result: ImageResult
    /// What was asked for.
    package var request: GenerationRequest
    /// What the worker sampled.
    package var latents: GeneratedLatents
    /// What the VAE decoded from them.
    package var image: RGBImage
    /// Seconds of the VAE decode.
    package var decodeSeconds: Double
    /// The kernel class of the decode where the worker made it; `nil` for the coordinator's.
    package var workerDecodeClass: String?

    /// Joins a result with its picture.
    package init(
        result: ImageResult, request: GenerationRequest, latents: GeneratedLatents,
        image: RGBImage, decodeSeconds: Double, workerDecodeClass: String? = nil
    ) {
        self.result = result
        self.request = request
        self.latents = latents
        self.image = image
        self.decodeSeconds = decodeSeconds
        self.workerDecodeClass = workerDecodeClass
    }
}
