// SPDX-License-Identifier: Apache-2.0

/// How the values of a row are read and written, 16 at a time.
///
/// The two vectors of a block hold the same values for `load` and `store`, in an order that is the
/// type's own business: bf16 keeps even and odd values apart, because that takes no shuffles.
protocol RowElement {
    static var byteCount: Int { get }
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float
    static func store(_ value: Float, _ row: UnsafeMutableRawPointer, _ index: Int)
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>)
    static func store16(
        _ block: (SIMD8<Float>, SIMD8<Float>), _ row: UnsafeMutableRawPointer, _ index: Int)
}

/// f32 values.
enum Float32Row: RowElement {
    static var byteCount: Int { 4 }

    @inline(__always)
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float {
        row.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
    }

    @inline(__always)
    static func store(_ value: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
        row.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
    }

    @inline(__always)
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>) {
        (
            row.loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<Float>.self),
            row.loadUnaligned(fromByteOffset: 4 * index + 32, as: SIMD8<Float>.self)
        )
    }

    @inline(__always)
    static func store16(
        _ block: (SIMD8<Float>, SIMD8<Float>), _ row: UnsafeMutableRawPointer, _ index: Int
    ) {
        row.storeBytes(of: block.0, toByteOffset: 4 * index, as: SIMD8<Float>.self)
        row.storeBytes(of: block.1, toByteOffset: 4 * index + 32, as: SIMD8<Float>.self)
    }
}

/// bf16 values: the upper halves of f32 values, rounded to nearest even.
enum BFloat16Row: RowElement {
    static var byteCount: Int { 2 }

    @inline(__always)
    static func load(_ row: UnsafeRawPointer, _ index: Int) -> Float {
        let bits = row.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
        return Float(bitPattern: UInt32(bits) << 16)
    }

    @inline(__always)
    static func store(_ value: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
        let bits = value.bitPattern
        // A NaN keeps its upper half, made quiet: rounding could carry it into infinity.
        let rounded = value.isNaN ? bits | 0x40_0000 : bits &+ 0x7FFF &+ (bits >> 16 & 1)
        row.storeBytes(
            of: UInt16(truncatingIfNeeded: rounded >> 16), toByteOffset: 2 * index, as: UInt16.self)
    }

    @inline(__always)
    static func load16(_ row: UnsafeRawPointer, _ index: Int) -> (SIMD8<Float>, SIMD8<Float>) {
        let pairs = row.loadUnaligned(fromByteOffset: 2 * index, as: SIMD8<UInt32>.self)
        return (
            unsafeBitCast(pairs &<< 16, to: SIMD8<Float>.self),
            unsafeBitCast(pairs & 0xFFFF_0000, to: SIMD8<Float>.self)
        )
    }

    @inline(__always)
    static func store16(
        _ block: (SIMD8<Float>, SIMD8<Float>), _ row: UnsafeMutableRawPointer, _ index: Int
    ) {
        let pairs = (round(block.0) &>> 16) | (round(block.1) & 0xFFFF_0000)
        row.storeBytes(of: pairs, toByteOffset: 2 * index, as: SIMD8<UInt32>.self)
    }

    @inline(__always)
    private static func round(_ values: SIMD8<Float>) -> SIMD8<UInt32> {
        let bits = unsafeBitCast(values, to: SIMD8<UInt32>.self)
        let rounded = bits &+ 0x7FFF &+ ((bits &>> 16) & 1)
        // All ones where the value is not a number; a comparison mask compiles to scalar code.
        let magnitude = unsafeBitCast(bits & 0x7FFF_FFFF, to: SIMD8<Int32>.self)
        let isNaN = unsafeBitCast((0x7F80_0000 &- magnitude) &>> 31, to: SIMD8<UInt32>.self)
        return (rounded & ~isNaN) | ((bits | 0x40_0000) & isNaN)
    }
}
