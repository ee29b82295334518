// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// A decoded picture as bytes, exactly as diffusers' `VaeImageProcessor` makes them.
///
/// `(x / 2 + 0.5).clamp(0, 1) · 255`, rounded half to even. A value that is no number becomes 0.
///
/// - Parameter image: one picture `[1, height, width, channels]`, f32, contiguous.
/// - Returns: `height · width · channels` bytes.
package func pictureBytes(_ image: Tensor) -> [UInt8] {
    precondition(image.isContiguous, "a picture with gaps")
    let values = image.floats
    let count = image.shape.elementCount
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
        for index in 0..<count {
            let shifted = values[index] * 0.5 + 0.5
            // Comparisons with NaN are false, so it falls through to 0.
            let clamped: Float = shifted > 0 ? (shifted < 1 ? shifted : 1) : 0
            bytes[index] = UInt8((clamped * 255).rounded(.toNearestOrEven))
        }
        initialized = count
    }
}
