// SPDX-License-Identifier: Apache-2.0

/// The 32-bit Mersenne Twister, seeded and advanced as torch's `at::mt19937`.
package struct MersenneTwister: Sendable, Hashable {
    /// Words of state.
    package static let wordCount = 624
    private static let shift = 397

    /// The state, 624 words.
    private(set) var words: [UInt32]
    /// The index of the next word; 624 when the state must be advanced first.
    private(set) var position: Int

    /// Seeds the generator; torch uses only the low 32 bits of its 64-bit seed.
    package init(seed: UInt64) {
        var word = UInt32(truncatingIfNeeded: seed)
        words = [word]
        words.reserveCapacity(Self.wordCount)
        for index in 1..<UInt32(Self.wordCount) {
            word = 1_812_433_253 &* (word ^ (word >> 30)) &+ index
            words.append(word)
        }
        position = Self.wordCount
    }

    /// Restores a saved generator; `nil` if no generator can have saved the state.
    init?(words: [UInt32], position: Int) {
        guard words.count == Self.wordCount, (0...Self.wordCount).contains(position) else {
            return nil
        }
        self.words = words
        self.position = position
    }

    /// The next 32 random bits.
    package mutating func next() -> UInt32 {
        if position == Self.wordCount { advance() }
        var word = words[position]
        position += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9d2c_5680
        word ^= (word << 15) & 0xefc6_0000
        return word ^ (word >> 18)
    }

    /// The next 64 random bits: two words, the first one on top, as torch's `random64`.
    package mutating func next64() -> UInt64 {
        let high = next()
        return UInt64(high) << 32 | UInt64(next())
    }

    private mutating func advance() {
        let count = Self.wordCount
        words.withUnsafeMutableBufferPointer { words in
            for index in 0..<count {
                let following = words[index + 1 == count ? 0 : index + 1]
                let mixed = (words[index] & 0x8000_0000) | (following & 0x7fff_ffff)
                let twist = (mixed >> 1) ^ (following & 1 == 0 ? 0 : 0x9908_b0df)
                let partner = index + Self.shift
                words[index] = words[partner < count ? partner : partner - count] ^ twist
            }
        }
        position = 0
    }
}
