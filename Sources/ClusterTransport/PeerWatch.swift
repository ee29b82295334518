// SPDX-License-Identifier: Apache-2.0

/// Decides when a silent peer is pinged and when it counts as lost.
///
/// Pure: time is passed in.
package struct PeerWatch: Sendable {
    /// The action to take now.
    package enum Verdict: Sendable, Equatable {
        case fine
        case ping
        case gone
    }

    private let pingInterval: Duration
    private let idle: Duration
    private var lastHeard: Duration
    private var lastPing: Duration

    /// Starts watching; `now` counts from any fixed origin.
    package init(timeouts: ClusterTimeouts, now: Duration) {
        pingInterval = timeouts.pingInterval
        idle = timeouts.idle
        lastHeard = now
        lastPing = now
    }

    /// When `check` next has an action.
    package var deadline: Duration {
        min(lastHeard + idle, max(lastHeard, lastPing) + pingInterval)
    }

    /// Records that the peer sent something.
    package mutating func heard(now: Duration) {
        lastHeard = now
    }

    /// Checks the time; returns `ping` once per interval.
    package mutating func check(now: Duration) -> Verdict {
        if now >= lastHeard + idle { return .gone }
        guard now >= max(lastHeard, lastPing) + pingInterval else { return .fine }
        lastPing = now
        return .ping
    }
}
