// SPDX-License-Identifier: Apache-2.0

/// The random numbers of merging: a separate stream that never affects the latents' noise.
///
/// A counter-based generator: number i of (image seed, call, site) is a function of only these
/// four, so results do not depend on the batch, the order of blocks or earlier work.
/// The mixing function is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
package struct TokenMergeRandom: Sendable, Hashable {
    private let key: UInt64

    package init(seed: UInt64, callIndex: Int, siteIndex: Int) {
        var key = Self.mix(seed ^ 0x5265_546F_4D00_0001)
        key = Self.mix(key &+ UInt64(truncatingIfNeeded: callIndex))
        self.key = Self.mix(key &+ UInt64(truncatingIfNeeded: siteIndex))
    }

    /// Number `counter` of the stream, all 64 bits random.
    package func bits(_ counter: Int) -> UInt64 {
        Self.mix(key &+ UInt64(truncatingIfNeeded: counter) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// An index below `bound`; the bias is below `bound` / 2⁶⁴.
    package func index(below bound: Int, counter: Int) -> Int {
        precondition(bound > 0, "an index below \(bound)")
        return Int(bits(counter).multipliedFullWidth(by: UInt64(bound)).high)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
