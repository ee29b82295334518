// SPDX-License-Identifier: Apache-2.0

/// A bucket of tokens: bursts are fine, more than the rate on average is not.
struct RateLimit: Sendable {
    private var tokens: Double
    private var updatedAt: Double

    init(burst: Double, now: Double) {
        tokens = burst
        updatedAt = now
    }

    /// Whether nothing is owed, so that the bucket need not be remembered.
    func isFull(rate: Double, burst: Double, now: Double) -> Bool {
        tokens + max(0, now - updatedAt) * rate >= burst
    }

    /// Takes a token.
    ///
    /// - Returns: `nil`, or in how many seconds there is one.
    mutating func take(rate: Double, burst: Double, now: Double) -> Double? {
        // A clock that was set back gives nothing, and takes nothing.
        tokens = min(burst, tokens + max(0, now - updatedAt) * rate)
        updatedAt = now
        guard tokens >= 1 else { return (1 - tokens) / rate }
        tokens -= 1
        return nil
    }
}
