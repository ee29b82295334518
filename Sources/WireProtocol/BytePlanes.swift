// SPDX-License-Identifier: Apache-2.0

/// Byte-plane shuffling of f32 values: all lowest bytes first, then the next, the sign bytes last.
///
/// Exponents of neighbouring latents resemble each other while mantissas are noise; keeping the
/// planes apart, and in blocks of their own, lets zstd find the first without being disturbed by
/// the second (the "shuffle" filter of HDF5 and Blosc). Lossless: the bits of every value, NaN
/// payloads too, come back unchanged.
package enum BytePlanes {
    /// Values to `4 · count` bytes, plane after plane.
    package static func shuffle(_ values: [Float]) -> [UInt8] {
        let count = values.count
        return [UInt8](unsafeUninitializedCapacity: count * 4) { planes, written in
            for (index, value) in values.enumerated() {
                let bits = value.bitPattern
                planes[index] = UInt8(truncatingIfNeeded: bits)
                planes[count + index] = UInt8(truncatingIfNeeded: bits >> 8)
                planes[2 * count + index] = UInt8(truncatingIfNeeded: bits >> 16)
                planes[3 * count + index] = UInt8(truncatingIfNeeded: bits >> 24)
            }
            written = count * 4
        }
    }

    /// Planes back to values; the byte count must be a multiple of 4.
    package static func unshuffle(_ planes: [UInt8]) -> [Float] {
        precondition(planes.count.isMultiple(of: 4), "\(planes.count) bytes are no f32 planes")
        let count = planes.count / 4
        return [Float](unsafeUninitializedCapacity: count) { values, written in
            for index in 0..<count {
                let low = UInt32(planes[index]) | UInt32(planes[count + index]) << 8
                let high =
                    UInt32(planes[2 * count + index]) | UInt32(planes[3 * count + index]) << 8
                values[index] = Float(bitPattern: low | high << 16)
            }
            written = count
        }
    }
}
