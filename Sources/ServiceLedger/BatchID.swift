// SPDX-License-Identifier: Apache-2.0

/// Names a batch to its clients: random, so that nobody guesses another's.
package struct BatchID: Hashable, Sendable, CustomStringConvertible {
    /// 24 hexadecimal digits where the service made it.
    package let text: String

    /// Names a batch.
    package init(_ text: String) { self.text = text }

    /// Makes a name of 96 random bits.
    package static func random(using generator: inout some RandomNumberGenerator) -> BatchID {
        let digits = (0..<24).map { _ in UInt8.random(in: 0..<16, using: &generator) }
        return BatchID(digits.map { String($0, radix: 16) }.joined())
    }

    package var description: String { text }
}
