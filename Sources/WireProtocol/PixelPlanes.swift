// SPDX-License-Identifier: Apache-2.0

/// RGB pixels as differences from the pixel on the left, one plane per colour.
///
/// Neighbours are similar: the differences are small numbers around 0, which zstd codes in a few
/// bits ("sub" of PNG's filters). Lossless.
enum PixelPlanes {
    /// Pixels to planes of as many bytes.
    static func shuffle(_ pixels: [UInt8], width: Int) -> [UInt8] {
        rearranged(pixels.count, width: width) { planes, plane, pixel, left in
            planes[plane] = pixels[pixel] &- left
            return pixels[pixel]
        }
    }

    /// Planes back to pixels.
    static func unshuffle(_ planes: [UInt8], width: Int) -> [UInt8] {
        rearranged(planes.count, width: width) { pixels, plane, pixel, left in
            pixels[pixel] = planes[plane] &+ left
            return pixels[pixel]
        }
    }

    /// Iterates over each row of each colour.
    ///
    /// - Parameter write: receives the output bytes, the offsets of a byte in planes and in pixels,
    ///   and the pixel's left neighbour, 0 at the edge; returns the pixel.
    @inline(__always)
    private static func rearranged(
        _ byteCount: Int, width: Int,
        _ write: (
            _ bytes: UnsafeMutableBufferPointer<UInt8>, _ plane: Int, _ pixel: Int, _ left: UInt8
        ) -> UInt8
    ) -> [UInt8] {
        let count = byteCount / 3
        return [UInt8](unsafeUninitializedCapacity: 3 * count) { bytes, written in
            for colour in 0..<3 {
                for row in stride(from: 0, to: count, by: width) {
                    var left: UInt8 = 0
                    for index in row..<(row + width) {
                        left = write(bytes, colour * count + index, 3 * index + colour, left)
                    }
                }
            }
            written = 3 * count
        }
    }
}
