// SPDX-License-Identifier: Apache-2.0

/// Resamples of some pictures, drawn with replacement from a seed (Efron 1979).
///
/// The same resamples serve every row of a table, so that differences between rows are paired.
package struct Bootstrap: Sendable {
    /// How often each picture occurs, by resample; every resample has as many as there are pictures.
    package let weights: [[Int]]

    /// - Parameters:
    ///   - count: pictures, at least 1.
    ///   - replicates: resamples, 0 for none.
    package init(count: Int, replicates: Int, seed: UInt64 = 0) {
        precondition(count > 0, "resamples of nothing")
        var random = SeededWords(state: seed)
        weights = (0..<replicates).map { _ in
            var weights = [Int](repeating: 0, count: count)
            for _ in 0..<count { weights[Int.random(in: 0..<count, using: &random)] += 1 }
            return weights
        }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): the same resamples on every machine.
    private struct SeededWords: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }
}

/// A value with the 95 % interval of its resamples.
package struct BootstrapInterval: Sendable, Hashable {
    package let value: Double
    /// Where the interval begins; NaN without resamples.
    package let low: Double
    package let high: Double

    package init(value: Double, low: Double, high: Double) {
        self.value = value
        self.low = low
        self.high = high
    }

    /// The interval between the 2.5 and 97.5 % quantiles, moved to the value: a resample repeats
    /// pictures, which makes its Fréchet distance larger than that of the pictures themselves.
    package init(value: Double, replicates: [Double]) {
        self.value = value
        guard replicates.count > 1, value.isFinite, replicates.allSatisfy(\.isFinite) else {
            (low, high) = (.nan, .nan)
            return
        }
        let sorted = replicates.sorted()
        let shift = value - replicates.reduce(0, +) / Double(replicates.count)
        low = Self.quantile(0.025, of: sorted) + shift
        high = Self.quantile(0.975, of: sorted) + shift
    }

    /// The value below which a share of sorted values lies, interpolated as NumPy does.
    private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
        let place = share * Double(sorted.count - 1)
        let index = min(Int(place), sorted.count - 2)
        return sorted[index] + (place - Double(index)) * (sorted[index + 1] - sorted[index])
    }
}
