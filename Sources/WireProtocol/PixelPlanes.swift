// SPDX-License-Identifier: Apache-2.0

/// RGB pixels as differences to the pixel on the left, one plane for each colour.
///
/// Neighbours resemble each other: the differences are small numbers around 0, which zstd codes in few
/// bits ("sub" of PNG's filters). Lossless.
enum PixelPlanes {
    /// Pixels to planes of as many bytes.
    static func shuffle(_ pixels: [UInt8], width: Int) -> [UInt8] {
        let count = pixels.count / 3
        return [UInt8](unsafeUninitializedCapacity: 3 * count) { planes, written in
            for colour in 0..<3 {
                for index in 0..<count {
                    let isFirst = index % width == 0
                    let left = isFirst ? 0 : pixels[3 * (index - 1) + colour]
                    planes[colour * count + index] = pixels[3 * index + colour] &- left
                }
            }
            written = 3 * count
        }
    }

    /// Planes back to pixels.
    static func unshuffle(_ planes: [UInt8], width: Int) -> [UInt8] {
        let count = planes.count / 3
        return [UInt8](unsafeUninitializedCapacity: 3 * count) { pixels, written in
            for colour in 0..<3 {
                for index in 0..<count {
                    let isFirst = index % width == 0
                    let left = isFirst ? 0 : pixels[3 * (index - 1) + colour]
                    pixels[3 * index + colour] = planes[colour * count + index] &+ left
                }
            }
            written = 3 * count
        }
    }
}
