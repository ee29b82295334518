// SPDX-License-Identifier: Apache-2.0

/// The 95 % confidence interval of a share, after Wilson (1927): it stays within 0…1 and has a
/// width even if all or none are hits.
package struct WilsonInterval: Sendable, Hashable {
    package let low: Double
    package let high: Double

    /// - Parameter hits: out of `count`; without any the share is unknown.
    package init(hits: Int, count: Int) {
        precondition(count >= 0 && (0...count).contains(hits), "\(hits) of \(count)")
        guard count > 0 else {
            (low, high) = (0, 1)
            return
        }
        let z = 1.96
        let n = Double(count)
        let share = Double(hits) / n
        let center = (share + z * z / (2 * n)) / (1 + z * z / n)
        let halfWidth =
            z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot() / (1 + z * z / n)
        low = max(0, center - halfWidth)
        high = min(1, center + halfWidth)
    }
}
