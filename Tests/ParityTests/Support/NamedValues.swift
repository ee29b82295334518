// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Values that follow from a name, so that no file needs to hold them: `mix` in
/// `scripts/goldens/single_file.py`.
enum NamedValues {
    /// Uniform values in [-1, 1).
    static func uniform(_ name: String, count: Int) -> [Float] {
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in Float(random.next() >> 40) / 0x1p23 - 1 }
    }
}
