// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// Seconds with fraction, for arithmetic and for people.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
