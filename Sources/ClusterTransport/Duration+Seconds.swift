// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// Seconds with fraction, for arithmetic and for people.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
