// SPDX-License-Identifier: Apache-2.0

/// Which seed to begin with.
package enum SeedChoice: Sendable, Equatable {
    /// Choose one at random; it is printed and recorded.
    case random
    /// Begin with this one.
    case fixed(UInt64)

    /// Reads a seed as the field's tools do: below 0 is random, everything else is itself.
    package init?(_ text: String) {
        if let seed = UInt64(text) {
            self = .fixed(seed)
        } else if text.hasPrefix("-"), let seed = Int64(text), seed < 0 {
            self = .random
        } else {
            return nil
        }
    }
}
