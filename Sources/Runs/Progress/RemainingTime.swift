// SPDX-License-Identifier: Apache-2.0

/// Steadies an estimate of the time left: it counts down with the clock and gives in to the
/// estimate slowly, so that a person can rely on what it says.
struct RemainingTime: Sendable {
    private var shown: Double?
    private var shownTime: Double = 0

    /// The seconds to show now.
    ///
    /// - Parameter time: now; readers that are late with it do not turn the clock back.
    mutating func shown(estimate: Double, at time: Double) -> Double {
        guard let previous = shown else {
            shown = estimate
            shownTime = time
            return estimate
        }
        let elapsed = max(0, time - shownTime)
        let countdown = max(0, previous - elapsed)
        let gap = estimate - countdown
        // A worker lost or found changes everything: jump to the new estimate.
        let isSurprise = abs(gap) > max(0.5 * countdown, 3)
        // The fraction of the gap that closes per second: all of it before the end comes.
        let pull = 0.2 + 1 / (1 + countdown)
        let next = isSurprise ? estimate : countdown + gap * min(1, pull * elapsed)
        shown = next
        shownTime = max(shownTime, time)
        return next
    }
}
