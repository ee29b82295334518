// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A picture that was written for an image.
package struct StoredPicture: Sendable, Equatable {
    /// Number of the image.
    package var image: ImageNumber
    /// The picture's file in the run's directory.
    package var file: String
    /// The latents' file beside it, if that was wanted.
    package var latentsFile: String?
    /// Seconds of the VAE decode.
    package var decodeSeconds: Double
    /// The kernel class of the decode; `nil` for pictures of versions that did not keep it.
    package var decodeClass: String?
    /// The same where the worker made it; `nil` for the coordinator's.
    package var workerDecodeClass: String?

    /// Describes a picture.
    package init(
        image: ImageNumber, file: String, latentsFile: String?, decodeSeconds: Double,
        decodeClass: String? = nil, workerDecodeClass: String? = nil
    ) {
        self.image = image
        self.file = file
        self.latentsFile = latentsFile
        self.decodeSeconds = decodeSeconds
        self.decodeClass = decodeClass
        self.workerDecodeClass = workerDecodeClass
    }
}
