// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What the coordinator needs of the model: latents in, picture out.
///
/// Called on threads of the decode stage, never on an event loop or the cooperative pool.
package protocol LatentDecoding: Sendable {
    /// Decodes one image with the VAE.
    ///
    /// - Throws: the image's slot fails with the error's description; other images go on.
    func decode(_ latents: GeneratedLatents) throws -> DecodedImage
}

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
