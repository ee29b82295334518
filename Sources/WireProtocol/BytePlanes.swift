// SPDX-License-Identifier: Apache-2.0

/// Byte-plane shuffling of f32 values: all lowest bytes first, then the next, the sign bytes last.
///
/// Exponents of neighbouring latents are similar while mantissas are noise; separate planes, in
/// separate blocks, let zstd compress the first without being disturbed by the second (the
/// "shuffle" filter of HDF5 and Blosc). Lossless: the bits of every value, including NaN payloads,
/// are preserved.
package enum BytePlanes {
    /// Values to `4 · count` bytes, plane after plane.
    package static func shuffle(_ values: [Float]) -> [UInt8] {
        values.withUnsafeBytes { shuffle($0) }
    }

    /// Bytes of 4-byte words to planes; leftover bytes stay at the end.
    package static func shuffle(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { shuffle($0) }
    }

    /// Planes back to values; the byte count must be a multiple of 4.
    package static func unshuffle(_ planes: [UInt8]) -> [Float] {
        precondition(planes.count.isMultiple(of: 4), "\(planes.count) bytes are no f32 planes")
        return [Float](unsafeUninitializedCapacity: planes.count / 4) { values, written in
            unshuffle(planes, into: UnsafeMutableRawBufferPointer(values))
            written = planes.count / 4
        }
    }

    /// Planes back to the bytes of words.
    package static func unshuffled(_ planes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: planes.count) { bytes, written in
            unshuffle(planes, into: UnsafeMutableRawBufferPointer(bytes))
            written = planes.count
        }
    }

    private static func shuffle(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let count = bytes.count / 4
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { planes, written in
            for index in 0..<count {
                planes[index] = bytes[4 * index]
                planes[count + index] = bytes[4 * index + 1]
                planes[2 * count + index] = bytes[4 * index + 2]
                planes[3 * count + index] = bytes[4 * index + 3]
            }
            for index in 4 * count..<bytes.count { planes[index] = bytes[index] }
            written = bytes.count
        }
    }

    private static func unshuffle(
        _ planes: [UInt8], into bytes: UnsafeMutableRawBufferPointer
    ) {
        let count = planes.count / 4
        for index in 0..<count {
            bytes[4 * index] = planes[index]
            bytes[4 * index + 1] = planes[count + index]
            bytes[4 * index + 2] = planes[2 * count + index]
            bytes[4 * index + 3] = planes[3 * count + index]
        }
        for index in 4 * count..<planes.count { bytes[index] = planes[index] }
    }
}
