// SPDX-License-Identifier: Apache-2.0

import CKernels

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
        case .float64:
            for index in target.indices {
                to[index] = Float(source.loadUnaligned(fromByteOffset: 8 * index, as: Double.self))
            }
        case .float8e4m3: look(up: source, in: float8e4m3, into: to)
        case .float8e5m2: look(up: source, in: float8e5m2, into: to)
        default: preconditionFailure("\(type.rawValue) as f32")
        }
    }

    private static func look(
        up source: UnsafeRawBufferPointer, in table: [Float], into to: UnsafeMutablePointer<Float>
    ) {
        table.withUnsafeBufferPointer { table in
            for (index, byte) in source.enumerated() { to[index] = table[Int(byte)] }
        }
    }

    /// E4M3FN by byte: bias 7, no infinities, NaN where all other bits are set ("FP8 Formats for
    /// Deep Learning", arXiv 2209.05433).
    private static let float8e4m3: [Float] = (0..<256).map { byte in
        let (exponent, fraction) = (byte >> 3 & 15, byte & 7)
        if byte & 0x7F == 0x7F { return .nan }
        let magnitude =
            exponent == 0
            ? Float(fraction) * 0x1p-9
            : Float(
                sign: .plus, exponent: exponent - 7, significand: 1 + Float(fraction) / 8)
        return byte < 128 ? magnitude : -magnitude
    }

    /// E5M2 by byte: the upper half of an f16.
    private static let float8e5m2: [Float] = (0..<256).map { byte in
        Float(Float16(bitPattern: UInt16(byte) << 8))
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
