// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// A decoded picture as bytes, exactly as diffusers' `VaeImageProcessor` makes them.
///
/// `(x / 2 + 0.5).clamp(0, 1) · 255`, rounded half to even.
///
/// - Parameter image: one picture `[1, height, width, channels]`, f32, contiguous.
/// - Returns: `height · width · channels` bytes.
/// - Throws: `NonFinitePictureError` if a value is infinite or NaN.
package func pictureBytes(_ image: Tensor) throws(NonFinitePictureError) -> [UInt8] {
    precondition(image.isContiguous, "a picture with gaps")
    let count = image.shape.elementCount
    let values = UnsafeBufferPointer(start: image.floats, count: count)
    guard values.allSatisfy(\.isFinite) else { throw NonFinitePictureError() }
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
        for index in 0..<count {
            let shifted = values[index] * 0.5 + 0.5
            let clamped: Float = shifted > 0 ? (shifted < 1 ? shifted : 1) : 0
            bytes[index] = UInt8((clamped * 255).rounded(.toNearestOrEven))
        }
        initialized = count
    }
}

/// A picture for which the VAE's decoder returned NaN or infinities.
package struct NonFinitePictureError: Error, Equatable, CustomStringConvertible {
    package init() {}

    package var description: String {
        """
        the VAE's decoder returned values that are not finite; its weights (vae/) or the latents \
        may be damaged, or bf16 too coarse for this VAE: try --precision f32
        """
    }
}
