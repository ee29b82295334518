// SPDX-License-Identifier: Apache-2.0

/// A picture of 8-bit RGB pixels: `height` rows of `width` pixels of three bytes, without gaps.
package struct RGBImage: Sendable, Equatable {
    /// Pixels per row; at least 1.
    package let width: Int
    /// Rows; at least 1.
    package let height: Int
    /// `3 · width · height` bytes: red, green, blue of the top left pixel first.
    package var bytes: [UInt8]

    /// One colour, for filling.
    package struct Color: Sendable, Hashable {
        package var red: UInt8
        package var green: UInt8
        package var blue: UInt8

        /// Creates a colour from its three parts.
        package init(red: UInt8, green: UInt8, blue: UInt8) {
            self.red = red
            self.green = green
            self.blue = blue
        }

        /// A grey of the given brightness.
        package static func gray(_ value: UInt8) -> Color {
            Color(red: value, green: value, blue: value)
        }

        /// The colour of empty cells.
        package static let black = gray(0)
    }

    /// Wraps pixels; the count must be `3 · width · height`.
    package init(width: Int, height: Int, bytes: [UInt8]) {
        precondition(width > 0 && height > 0, "a picture of \(width)×\(height)")
        precondition(
            bytes.count == 3 * width * height, "\(bytes.count) bytes for \(width)×\(height) RGB")
        self.width = width
        self.height = height
        self.bytes = bytes
    }

    /// Creates a picture of one colour.
    package init(width: Int, height: Int, filledWith color: Color = .black) {
        self.init(
            width: width, height: height, bytes: [UInt8](repeating: 0, count: 3 * width * height))
        if color != .black { fill(x: 0, y: 0, width: width, height: height, with: color) }
    }

    /// The pixel in column `x` of row `y`.
    package subscript(x: Int, y: Int) -> Color {
        get {
            let offset = byteOffset(x: x, y: y)
            return Color(red: bytes[offset], green: bytes[offset + 1], blue: bytes[offset + 2])
        }
        set {
            let offset = byteOffset(x: x, y: y)
            bytes[offset] = newValue.red
            bytes[offset + 1] = newValue.green
            bytes[offset + 2] = newValue.blue
        }
    }

    /// Fills the part of a rectangle that is inside the picture.
    package mutating func fill(x: Int, y: Int, width: Int, height: Int, with color: Color) {
        let columns = max(0, x)..<max(0, x, min(self.width, x + width))
        for row in max(0, y)..<max(0, y, min(self.height, y + height)) {
            for column in columns { self[column, row] = color }
        }
    }

    /// Copies the part of `other` that is inside this picture, with its top left corner at (x, y).
    package mutating func draw(_ other: RGBImage, x: Int, y: Int) {
        let columnStart = max(0, x)
        let columnEnd = min(width, x + other.width)
        guard columnStart < columnEnd else { return }
        for row in max(0, y)..<max(0, y, min(height, y + other.height)) {
            let source = other.byteOffset(x: columnStart - x, y: row - y)
            let target = byteOffset(x: columnStart, y: row)
            let count = 3 * (columnEnd - columnStart)
            bytes.replaceSubrange(
                target..<target + count, with: other.bytes[source..<source + count])
        }
    }

    private func byteOffset(x: Int, y: Int) -> Int {
        precondition(x >= 0 && x < width && y >= 0 && y < height, "(\(x), \(y)) is outside")
        return 3 * (y * width + x)
    }
}
