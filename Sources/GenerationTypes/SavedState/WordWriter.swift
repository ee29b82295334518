// SPDX-License-Identifier: Apache-2.0

/// Writes a saved state as 32-bit words, little-endian, with a digest behind them.
///
/// Nothing but words: so the byte planes of the whole are those of its values, and compress well.
package struct WordWriter: Sendable {
    private var words: [UInt32] = []

    /// Begins with nothing.
    package init() {}

    /// Appends one word.
    package mutating func write(_ word: UInt32) { words.append(word) }

    /// Appends a count or an index.
    package mutating func write(_ number: Int) { words.append(UInt32(clamping: number)) }

    /// Appends two words, the lower one first.
    package mutating func write(_ number: UInt64) {
        words.append(UInt32(truncatingIfNeeded: number))
        words.append(UInt32(truncatingIfNeeded: number >> 32))
    }

    /// Appends the bits of values.
    package mutating func write(_ values: some Sequence<Float>) {
        for value in values { words.append(value.bitPattern) }
    }

    /// Appends words.
    package mutating func write(_ values: some Sequence<UInt32>) {
        words.append(contentsOf: values)
    }

    /// The bytes of everything written, and of its digest.
    package consuming func finish() -> [UInt8] {
        let digest = WordDigest.of(words)
        write(digest)
        return words.map(\.littleEndian).withUnsafeBytes { Array($0) }
    }
}

/// FNV-1a over words: tells damage and mix-ups, not ill will.
package enum WordDigest {
    /// The digest of some words; any one word that differs changes it.
    package static func of(_ words: some Sequence<UInt32>) -> UInt64 {
        var digest: UInt64 = 14_695_981_039_346_656_037
        for word in words { digest = (digest ^ UInt64(word)) &* 1_099_511_628_211 }
        return digest
    }
}
