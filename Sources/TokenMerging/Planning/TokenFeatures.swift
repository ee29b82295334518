// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// The rows from which similarities are computed: `[samples, tokens, channels]`, f32 or bf16.
///
/// A view; the halves of a guided batch may be in different workspaces.
package struct TokenFeatures {
    /// First row of the first sample.
    package let base: UnsafeRawPointer
    package let elementType: ElementType
    package let sampleCount: Int
    package let tokenCount: Int
    package let channels: Int
    /// Bytes from one row to the next.
    package let rowByteStride: Int
    /// Bytes from one sample to the next; negative if the second half is lower in memory.
    package let sampleByteStride: Int
    /// Keeps the memory alive as long as the view.
    private let owners: (TensorStorage, TensorStorage)

    /// All samples of a tensor.
    package init(_ tensor: Tensor) {
        base = UnsafeRawPointer(tensor.rawPointer)
        elementType = tensor.elementType
        sampleCount = tensor.shape.batch
        tokenCount = tensor.shape.tokenCount
        channels = tensor.shape.channels
        rowByteStride = tensor.rowStride * tensor.elementType.byteCount
        sampleByteStride = rowByteStride * tensor.shape.tokenCount
        owners = (tensor.storage, tensor.storage)
    }

    /// Two samples held by two lanes, `[1, height, width, channels]` each.
    package init(uncond: Tensor, text: Tensor) {
        precondition(
            uncond.shape == text.shape && uncond.shape.batch == 1
                && uncond.elementType == text.elementType && uncond.rowStride == text.rowStride,
            "halves differ: \(uncond.shape), \(text.shape)")
        base = UnsafeRawPointer(uncond.rawPointer)
        elementType = uncond.elementType
        sampleCount = 2
        tokenCount = uncond.shape.tokenCount
        channels = uncond.shape.channels
        rowByteStride = uncond.rowStride * uncond.elementType.byteCount
        sampleByteStride = UnsafeRawPointer(text.rawPointer) - base
        owners = (uncond.storage, text.storage)
    }

    /// The row of one token.
    func row(sample: Int, token: Int) -> UnsafeRawPointer {
        base + (sample * sampleByteStride + token * rowByteStride)
    }
}
