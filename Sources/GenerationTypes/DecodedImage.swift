// SPDX-License-Identifier: Apache-2.0

/// A picture as 8-bit RGB.
package struct DecodedImage: Sendable, Equatable {
    /// Pixels per row.
    package var width: Int
    /// Rows.
    package var height: Int
    /// `3 · width · height` bytes, row by row from the top, red first.
    package var pixels: [UInt8]

    /// Wraps pixels; the count must be `3 · width · height`.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(
            pixels.count == 3 * width * height, "\(pixels.count) bytes for \(width)×\(height)")
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}

/// A picture that a worker made of its latents, and how.
package struct WorkerPicture: Sendable, Equatable {
    /// The picture.
    package var image: DecodedImage
    /// What decides the last bit of it besides the model.
    package var kernelClass: String
    /// What the decode took.
    package var seconds: Double

    /// Makes a record.
    package init(image: DecodedImage, kernelClass: String, seconds: Double) {
        self.image = image
        self.kernelClass = kernelClass
        self.seconds = seconds
    }
}
