// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Scaling with a filter as wide as the pixels that it joins, as Pillow does (`Resample.c`).
package struct PictureScaling: Sendable {
    /// How far the filter reaches, in pixels of the coarser grid.
    private let reach: Double
    private let weight: @Sendable (Double) -> Double

    /// Catmull-Rom, a = −0.5.
    package static let bicubic = PictureScaling(reach: 2) { position in
        let x = position.magnitude
        if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * -0.5 }
        return 0
    }

    private init(reach: Double, weight: @escaping @Sendable (Double) -> Double) {
        self.reach = reach
        self.weight = weight
    }

    /// The source pixels of one target pixel, and their shares.
    private struct Window {
        var first: Int
        var shares: [Double]
    }

    private func windows(from source: Int, to target: Int) -> [Window] {
        let scale = Double(source) / Double(target)
        let width = max(scale, 1)
        return (0..<target).map { index in
            let center = (Double(index) + 0.5) * scale
            let first = max(0, Int(center - reach * width + 0.5))
            let end = min(source, Int(center + reach * width + 0.5))
            let shares = (first..<end).map { weight((Double($0) - center + 0.5) / width) }
            let sum = shares.reduce(0, +)
            return Window(first: first, shares: shares.map { $0 / sum })
        }
    }

    /// Scales in f32, as Pillow does with pictures of mode F: `3 · width · height` values around
    /// 0…255, not clipped.
    package func scaled(_ picture: RGBImage, width: Int, height: Int) -> [Float] {
        var values = picture.bytes.map(Float.init)
        if width != picture.width {
            let windows = windows(from: picture.width, to: width)
            var rows = [Float](repeating: 0, count: 3 * width * picture.height)
            for row in 0..<picture.height {
                for (column, window) in windows.enumerated() {
                    let start = 3 * (row * picture.width + window.first)
                    for channel in 0..<3 {
                        var sum = 0.0
                        for (place, share) in window.shares.enumerated() {
                            sum += Double(values[start + 3 * place + channel]) * share
                        }
                        rows[3 * (row * width + column) + channel] = Float(sum)
                    }
                }
            }
            values = rows
        }
        guard height != picture.height else { return values }
        let stride = 3 * width
        var result: [Float] = []
        result.reserveCapacity(stride * height)
        for window in windows(from: picture.height, to: height) {
            for column in 0..<stride {
                var sum = 0.0
                for (place, share) in window.shares.enumerated() {
                    sum += Double(values[(window.first + place) * stride + column]) * share
                }
                result.append(Float(sum))
            }
        }
        return result
    }

    /// Scales to bytes, as Pillow does with pictures of mode RGB: shares of 22 bits, rounded after
    /// either direction.
    package func scaledToBytes(_ picture: RGBImage, width: Int, height: Int) -> RGBImage {
        var current = picture
        if width != picture.width {
            let windows = windows(from: picture.width, to: width).map(fixed)
            var bytes = [UInt8](repeating: 0, count: 3 * width * picture.height)
            for row in 0..<picture.height {
                for (column, window) in windows.enumerated() {
                    let start = 3 * (row * picture.width + window.first)
                    for channel in 0..<3 {
                        bytes[3 * (row * width + column) + channel] = Self.byte(
                            window, picture.bytes, start + channel, stride: 3)
                    }
                }
            }
            current = RGBImage(width: width, height: picture.height, bytes: bytes)
        }
        guard height != picture.height else { return current }
        let stride = 3 * width
        var bytes: [UInt8] = []
        bytes.reserveCapacity(stride * height)
        for window in windows(from: picture.height, to: height).map(fixed) {
            for column in 0..<stride {
                bytes.append(
                    Self.byte(
                        window, current.bytes, window.first * stride + column, stride: stride))
            }
        }
        return RGBImage(width: width, height: height, bytes: bytes)
    }

    private struct FixedWindow {
        var first: Int
        var shares: [Int]
    }

    private static let shareBits = 22

    private func fixed(_ window: Window) -> FixedWindow {
        FixedWindow(
            first: window.first,
            shares: window.shares.map {
                Int(($0 * Double(1 << Self.shareBits)).rounded(.toNearestOrAwayFromZero))
            })
    }

    private static func byte(
        _ window: FixedWindow, _ bytes: [UInt8], _ start: Int, stride: Int
    ) -> UInt8 {
        var sum = 1 << (shareBits - 1)
        for (place, share) in window.shares.enumerated() {
            sum += Int(bytes[start + place * stride]) * share
        }
        return UInt8(clamping: sum >> shareBits)
    }

    /// Scales by the nearest two pixels in either direction, as torch's `interpolate` does with
    /// `bilinear` and `align_corners=False`: `3 · width · height` values of 0…255.
    package static func bilinearWithoutAntialias(
        _ picture: RGBImage, width: Int, height: Int
    ) -> [Float] {
        func places(_ source: Int, _ target: Int) -> [(first: Int, second: Int, share: Float)] {
            let scale = Float(source) / Float(target)
            return (0..<target).map { index in
                let position = max(0, (Float(index) + 0.5) * scale - 0.5)
                let first = min(Int(position), source - 1)
                return (first, min(first + 1, source - 1), position - Float(first))
            }
        }
        let columns = places(picture.width, width)
        var result: [Float] = []
        result.reserveCapacity(3 * width * height)
        for row in places(picture.height, height) {
            for column in columns {
                for channel in 0..<3 {
                    func pixel(_ y: Int, _ x: Int) -> Float {
                        Float(picture.bytes[3 * (y * picture.width + x) + channel])
                    }
                    func line(_ y: Int) -> Float {
                        pixel(y, column.first) * (1 - column.share)
                            + pixel(y, column.second) * column.share
                    }
                    result.append(line(row.first) * (1 - row.share) + line(row.second) * row.share)
                }
            }
        }
        return result
    }
}
