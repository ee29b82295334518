// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Stored values to f32, with the best kernels of this processor.
enum FloatConversion {
    /// Converts `target.count` values; the source may be unaligned.
    static func convert(
        _ source: UnsafeRawBufferPointer, _ type: ScalarType,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        precondition(source.count == target.count * type.byteCount, "byte count")
        switch type {
        case .float32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source.count)
        case .float16:
            for index in 0..<target.count {
                to[index] = Float(
                    Float16(bitPattern: from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
            }
        case .bfloat16:
            for index in 0..<target.count {
                let bits = from.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
                to[index] = Float(bitPattern: UInt32(bits) << 16)
            }
        default: preconditionFailure("\(type.rawValue) as f32")
        }
    }
}
