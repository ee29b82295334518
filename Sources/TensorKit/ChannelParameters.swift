// SPDX-License-Identifier: Apache-2.0

/// The learned scale and shift of a norm, one pair per channel, f32.
package struct ChannelParameters: Sendable {
    private let storage: TensorStorage
    /// Channels.
    package let count: Int

    /// Copies both vectors.
    package init(scale: UnsafeBufferPointer<Float>, shift: UnsafeBufferPointer<Float>)
        throws(TensorStorageError)
    {
        precondition(scale.count == shift.count, "\(scale.count) scales, \(shift.count) shifts")
        count = scale.count
        storage = try TensorStorage(byteCount: 2 * count * MemoryLayout<Float>.stride)
        let target = storage.base.assumingMemoryBound(to: Float.self)
        for index in 0..<count {
            target[index] = scale[index]
            target[count + index] = shift[index]
        }
    }

    /// γ, `count` values.
    package var scale: UnsafePointer<Float> {
        UnsafePointer(storage.base.assumingMemoryBound(to: Float.self))
    }
    /// β, `count` values.
    package var shift: UnsafePointer<Float> { scale + count }
}
