// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension RGBImage {
    /// The same at a larger size, bilinear between the centres of its pixels.
    func enlarged(width newWidth: Int, height newHeight: Int) -> RGBImage {
        let columns = Self.positions(newWidth, from: width)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(3 * newWidth * newHeight)
        for (top, bottom, down) in Self.positions(newHeight, from: height) {
            for (left, right, across) in columns {
                for colour in 0..<3 {
                    func level(_ row: Int, _ column: Int) -> Float {
                        Float(self.bytes[3 * (row * width + column) + colour])
                    }
                    let upper = level(top, left) * (1 - across) + level(top, right) * across
                    let lower = level(bottom, left) * (1 - across) + level(bottom, right) * across
                    bytes.append(UInt8((upper * (1 - down) + lower * down).rounded()))
                }
            }
        }
        return RGBImage(width: newWidth, height: newHeight, bytes: bytes)
    }

    /// The two pixels that each new one lies between, and how far it is from the first.
    private static func positions(
        _ count: Int, from old: Int
    ) -> [(first: Int, second: Int, weight: Float)] {
        (0..<count).map { index in
            let position = (Float(index) + 0.5) * Float(old) / Float(count) - 0.5
            let clamped = min(max(position, 0), Float(old - 1))
            let first = Int(clamped)
            return (first, min(first + 1, old - 1), clamped - Float(first))
        }
    }
}
