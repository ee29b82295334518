// SPDX-License-Identifier: Apache-2.0

/// A picture that a worker decoded, and how.
package struct WorkerPicture: Sendable, Equatable {
    /// The picture.
    package var image: RGBImage
    /// What decides its last bit besides the model.
    package var kernelClass: String
    /// Seconds of the VAE decode.
    package var seconds: Double

    /// Makes a record.
    package init(image: RGBImage, kernelClass: String, seconds: Double) {
        self.image = image
        self.kernelClass = kernelClass
        self.seconds = seconds
    }
}
