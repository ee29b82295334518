// SPDX-License-Identifier: Apache-2.0

/// A view of rows of channels in some storage: `[batch, height, width, channels]`.
///
/// Rows may be further apart than `channels` (`rowStride`), so that a slice of channels of a wider
/// tensor is a tensor too: products write straight into a concatenation, and Q, K, V are views of
/// one product. A tensor never owns or copies; assigning it copies the view.
package struct Tensor {
    /// The memory behind the view.
    package let storage: TensorStorage
    /// The position of the first value in the storage.
    package let byteOffset: Int
    /// `[batch, height, width, channels]`.
    package let shape: TensorShape
    /// How values are stored.
    package let elementType: ElementType
    /// Values from the start of one row to the start of the next, at least `shape.channels`.
    package let rowStride: Int

    package init(
        storage: TensorStorage, byteOffset: Int = 0, shape: TensorShape, elementType: ElementType,
        rowStride: Int? = nil
    ) {
        self.storage = storage
        self.byteOffset = byteOffset
        self.shape = shape
        self.elementType = elementType
        self.rowStride = rowStride ?? shape.channels
        precondition(self.rowStride >= shape.channels, "row stride below the channel count")
    }

    /// A dense f32 tensor of zeros in its own memory, with room for a vector load past its end.
    ///
    /// - Throws: `TensorStorageError`.
    package init(allocating shape: TensorShape) throws(TensorStorageError) {
        let byteCount = shape.elementCount * MemoryLayout<Float>.stride
        self.init(
            storage: try TensorStorage(byteCount: byteCount + 256), shape: shape,
            elementType: .float32)
    }

    /// Whether rows are contiguous.
    package var isContiguous: Bool { rowStride == shape.channels }

    /// The first value, as bytes.
    package var rawPointer: UnsafeMutableRawPointer { storage.base + byteOffset }

    /// The first value of an f32 tensor.
    package var floats: UnsafeMutablePointer<Float> {
        precondition(elementType == .float32, "f32 access to a \(elementType) tensor")
        return rawPointer.assumingMemoryBound(to: Float.self)
    }

    /// The first value of a bf16 tensor, as bit patterns.
    package var bfloat16Bits: UnsafeMutablePointer<UInt16> {
        precondition(elementType == .bfloat16, "bf16 access to a \(elementType) tensor")
        return rawPointer.assumingMemoryBound(to: UInt16.self)
    }

    /// A slice of the channels of every row.
    package func channels(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape.channels && !range.isEmpty,
            "channels \(range) of \(shape)")
        return Tensor(
            storage: storage, byteOffset: byteOffset + range.lowerBound * elementType.byteCount,
            shape: shape.with(channels: range.count), elementType: elementType, rowStride: rowStride
        )
    }

    /// Some items of the batch.
    package func batch(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape.batch && !range.isEmpty,
            "batch items \(range) of \(shape)")
        var part = shape
        part.batch = range.count
        let skipped = range.lowerBound * shape.tokenCount * rowStride
        return Tensor(
            storage: storage, byteOffset: byteOffset + skipped * elementType.byteCount,
            shape: part, elementType: elementType, rowStride: rowStride)
    }

    /// Some rows of the tensor's `[rows, channels]` matrix.
    package func rows(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= shape.rowCount && !range.isEmpty,
            "rows \(range) of \(shape)")
        return Tensor(
            storage: storage,
            byteOffset: byteOffset + range.lowerBound * rowStride * elementType.byteCount,
            shape: TensorShape(tokens: range.count, channels: shape.channels),
            elementType: elementType, rowStride: rowStride)
    }

    /// Some pixel rows of a single picture, `[1, lines, width, channels]`.
    package func lines(_ range: Range<Int>) -> Tensor {
        precondition(shape.batch == 1, "lines of a batch of \(shape.batch)")
        let pixels = rows(range.lowerBound * shape.width..<range.upperBound * shape.width)
        return pixels.reshaped(height: range.count, width: shape.width)
    }

    /// The same rows on another grid of the same size.
    package func reshaped(height: Int, width: Int) -> Tensor {
        precondition(height * width == shape.tokenCount, "\(shape) as \(height)×\(width)")
        return Tensor(
            storage: storage, byteOffset: byteOffset,
            shape: shape.with(height: height, width: width), elementType: elementType,
            rowStride: rowStride)
    }
}
