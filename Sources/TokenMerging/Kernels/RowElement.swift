// SPDX-License-Identifier: Apache-2.0

/// How the values of a row are read, 16 at a time.
///
/// The two vectors of a block hold the same values for every row, in an order private to the type:
/// bf16 keeps even and odd values apart, because that needs no shuffles.
protocol RowElement {
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>)
}

/// f32 values.
enum Float32Row: RowElement {
    @inline(__always)
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float {
        row.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
    }

    @inline(__always)
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>) {
        (
            row.loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<Float>.self),
            row.loadUnaligned(fromByteOffset: 4 * index + 32, as: SIMD8<Float>.self)
        )
    }
}

/// bf16 values: the upper halves of f32 values.
enum BFloat16Row: RowElement {
    @inline(__always)
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float {
        let bits = row.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
        return Float(bitPattern: UInt32(bits) << 16)
    }

    @inline(__always)
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>) {
        let pairs = row.loadUnaligned(fromByteOffset: 2 * index, as: SIMD8<UInt32>.self)
        return (
            unsafeBitCast(pairs &<< 16, to: SIMD8<Float>.self),
            unsafeBitCast(pairs & 0xFFFF_0000, to: SIMD8<Float>.self)
        )
    }
}
