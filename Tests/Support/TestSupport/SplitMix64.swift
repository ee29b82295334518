// SPDX-License-Identifier: Apache-2.0

/// A small, fast, seeded generator: the same numbers on every machine and in every run, so that
/// every failure can be reproduced.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    package var state: UInt64

    /// Begins with a seed.
    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Roughly normal: mean 0, standard deviation 1.
    package mutating func normal() -> Float {
        var sum: Float = 0
        for _ in 0..<12 { sum += Float.random(in: 0..<1, using: &self) }
        return sum - 6
    }

    /// Uniform values between −1 and 1.
    package mutating func floats(_ count: Int) -> [Float] {
        (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
    }
}
