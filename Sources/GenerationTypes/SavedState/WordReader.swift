// SPDX-License-Identifier: Apache-2.0

/// Reads what `WordWriter` wrote; the bytes may be anything.
package struct WordReader: Sendable {
    private let words: [UInt32]
    private var position = 0

    /// Checks the digest, and nothing else yet.
    package init(_ bytes: [UInt8]) throws(SavedStateError) {
        guard bytes.count >= 8, bytes.count.isMultiple(of: 4) else { throw .damaged }
        var words = bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map {
                UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
        let digest = UInt64(words[words.count - 2]) | UInt64(words[words.count - 1]) << 32
        words.removeLast(2)
        guard WordDigest.of(words) == digest else { throw .damaged }
        self.words = words
    }

    /// The next word.
    package mutating func read() throws(SavedStateError) -> UInt32 {
        guard position < words.count else { throw .damaged }
        defer { position += 1 }
        return words[position]
    }

    /// A count or an index.
    package mutating func read(in range: ClosedRange<Int>) throws(SavedStateError) -> Int {
        let number = Int(try read())
        guard range.contains(number) else { throw .damaged }
        return number
    }

    /// Two words, the lower one first.
    package mutating func readWide() throws(SavedStateError) -> UInt64 {
        let low = try read()
        return UInt64(low) | UInt64(try read()) << 32
    }

    /// The next `count` words.
    package mutating func read(_ count: Int) throws(SavedStateError) -> ArraySlice<UInt32> {
        guard count >= 0, words.count - position >= count else { throw .damaged }
        defer { position += count }
        return words[position..<position + count]
    }

    /// The next `count` values.
    package mutating func readFloats(_ count: Int) throws(SavedStateError) -> [Float] {
        try read(count).map { Float(bitPattern: $0) }
    }

    /// Makes sure that nothing is left.
    package func finish() throws(SavedStateError) {
        guard position == words.count else { throw .damaged }
    }
}

/// Why a saved state is unusable; the holder restarts from step 0.
package enum SavedStateError: Error, Equatable, CustomStringConvertible {
    /// Its bytes are not those that were written.
    case damaged
    /// It is whole, but of something else.
    case foreign(String)

    package var description: String {
        switch self {
        case .damaged: "the saved state is damaged"
        case .foreign(let what): "the saved state is of another \(what)"
        }
    }
}
