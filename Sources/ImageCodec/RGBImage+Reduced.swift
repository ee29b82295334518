// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Glibc

/// Smaller pictures.
///
/// The filter and its arithmetic are those of Pillow's `Image.resize(size, LANCZOS)`, to the byte:
/// Lanczos' kernel of 3 lobes, as wide as one new pixel needs, in fixed point; first along the rows,
/// then along the columns.
extension RGBImage {
    /// The same picture with fewer pixels.
    ///
    /// - Precondition: it becomes no wider and no higher, and keeps at least one pixel.
    package func reduced(width newWidth: Int, height newHeight: Int) -> RGBImage {
        precondition((1...width).contains(newWidth) && (1...height).contains(newHeight))
        let narrow = newWidth == width ? self : narrowed(to: newWidth)
        return newHeight == height ? narrow : narrow.flattened(to: newHeight)
    }

    private func narrowed(to newWidth: Int) -> RGBImage {
        let taps = ReductionTaps(from: width, to: newWidth)
        var result = RGBImage(width: newWidth, height: height)
        bytes.withUnsafeBufferPointer { source in
            result.bytes.withUnsafeMutableBufferPointer { target in
                var position = 0
                for row in 0..<height {
                    for tap in taps.all {
                        var (red, green, blue) = (
                            ReductionTaps.half, ReductionTaps.half, ReductionTaps.half
                        )
                        var pixel = 3 * (row * width + tap.first)
                        for weight in taps.weights[tap.weights] {
                            red += weight * Int32(source[pixel])
                            green += weight * Int32(source[pixel + 1])
                            blue += weight * Int32(source[pixel + 2])
                            pixel += 3
                        }
                        target[position] = ReductionTaps.level(red)
                        target[position + 1] = ReductionTaps.level(green)
                        target[position + 2] = ReductionTaps.level(blue)
                        position += 3
                    }
                }
            }
        }
        return result
    }

    private func flattened(to newHeight: Int) -> RGBImage {
        let taps = ReductionTaps(from: height, to: newHeight)
        let rowLength = 3 * width
        var result = RGBImage(width: width, height: newHeight)
        var sums = [Int32](repeating: 0, count: rowLength)
        bytes.withUnsafeBufferPointer { source in
            result.bytes.withUnsafeMutableBufferPointer { target in
                sums.withUnsafeMutableBufferPointer { sums in
                    for (row, tap) in taps.all.enumerated() {
                        sums.update(repeating: ReductionTaps.half)
                        var start = tap.first * rowLength
                        for weight in taps.weights[tap.weights] {
                            for byte in 0..<rowLength {
                                sums[byte] += weight * Int32(source[start + byte])
                            }
                            start += rowLength
                        }
                        for byte in 0..<rowLength {
                            target[row * rowLength + byte] = ReductionTaps.level(sums[byte])
                        }
                    }
                }
            }
        }
        return result
    }
}

/// Which old pixels each new one is made of, along one side.
private struct ReductionTaps {
    /// What one new pixel is made of.
    struct Tap {
        /// The first old pixel.
        var first: Int
        /// Weights of that one and those that follow.
        var weights: Range<Int>
    }

    /// Bits of a weight behind the point: 8 are the pixel's, 2 are for sums beyond it.
    private static let precision = 32 - 8 - 2
    /// One half, so that a sum is rounded.
    static let half = Int32(1) << (precision - 1)
    private static let lobeCount = 3.0

    private(set) var all: [Tap] = []
    private(set) var weights: [Int32] = []

    init(from old: Int, to new: Int) {
        let scale = Double(old) / Double(new)
        let support = Self.lobeCount * scale
        for index in 0..<new {
            let center = (Double(index) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(old, Int(center + support + 0.5))
            let values = (first..<end).map {
                Self.kernel((Double($0) - center + 0.5) * (1 / scale))
            }
            let sum = values.reduce(0, +)
            let start = weights.count
            weights += values.map {
                Int32(($0 / sum * Double(1 << Self.precision)).rounded(.toNearestOrAwayFromZero))
            }
            all.append(Tap(first: first, weights: start..<weights.count))
        }
    }

    private static func kernel(_ x: Double) -> Double {
        abs(x) < lobeCount ? sinc(x) * sinc(x / lobeCount) : 0
    }

    private static func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }

    static func level(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> Int32(precision)) }
}
