// SPDX-License-Identifier: Apache-2.0

/// The position of an image in its run, from 0.
package struct ImageNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The position.
    package let rawValue: Int

    /// Numbers an image.
    package init(_ rawValue: Int) { self.rawValue = rawValue }

    package var description: String { "\(rawValue)" }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// In JSON a number.
extension ImageNumber: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Int.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
