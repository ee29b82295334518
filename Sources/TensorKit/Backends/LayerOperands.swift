// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Calls `body` with the rows of a residual, if there is one.
func withResidual(_ residual: Tensor?, _ body: (UnsafePointer<rt_source>?) -> Void) {
    guard let residual else { return body(nil) }
    withUnsafePointer(to: residual.kernelSource) { body($0) }
}

extension TensorStorage {
    /// A bias, `[channels]`, f32; zeros if there is none.
    convenience init(
        channels: Int, bias: UnsafeBufferPointer<Float>?
    ) throws(TensorStorageError) {
        // Mapped memory is zero, so without a bias there is nothing to write.
        try self.init(byteCount: channels * MemoryLayout<Float>.stride)
        guard let bias, let source = bias.baseAddress else { return }
        base.assumingMemoryBound(to: Float.self).update(from: source, count: bias.count)
    }
}
