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
        case .float16: widen(from, RT_ELEMENT_F16, into: to, count: target.count)
        case .bfloat16: widen(from, RT_ELEMENT_BF16, into: to, count: target.count)
        default: preconditionFailure("\(type.rawValue) as f32")
        }
    }

    /// Two-byte values.
    ///
    /// Writers other than the reference one may put them on odd addresses, which
    /// the kernels don't take; those go through a small aligned block.
    private static func widen(
        _ from: UnsafeRawPointer, _ element: rt_element, into to: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        if Int(bitPattern: from) % 2 == 0 {
            return run(from, element, into: to, count: count)
        }
        let blockCount = 512
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: blockCount) { block in
            for start in stride(from: 0, to: count, by: blockCount) {
                let part = min(blockCount, count - start)
                let bytes = UnsafeRawBufferPointer(start: from + 2 * start, count: 2 * part)
                UnsafeMutableRawBufferPointer(block).copyMemory(from: bytes)
                guard let aligned = block.baseAddress else { return }
                run(aligned, element, into: to + start, count: part)
            }
        }
    }

    private static func run(
        _ from: UnsafeRawPointer, _ element: rt_element, into to: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        var arguments = rt_convert(
            source: from, source_element: element, target: to, target_element: RT_ELEMENT_F32)
        guard let kernels = rt_kernels_for(rt_isa_detect()) else {
            preconditionFailure("a processor without kernels")
        }
        kernels.pointee.convert(&arguments, 0, Int64(count))
    }
}
