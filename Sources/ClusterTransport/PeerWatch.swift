// SPDX-License-Identifier: Apache-2.0

/// Decides when a silent peer is asked and when it counts as gone.
///
/// Pure: time is passed in.
package struct PeerWatch: Sendable {
    /// What to do now.
    package enum Verdict: Sendable, Equatable {
        case fine
        case ping
        case gone
    }

    private let pingInterval: Duration
    private let idle: Duration
    private var lastHeard: Duration
    private var lastPing: Duration

    /// Begins to watch; `now` counts from any fixed origin.
    package init(timeouts: ClusterTimeouts, now: Duration) {
        pingInterval = timeouts.pingInterval
        idle = timeouts.idle
        lastHeard = now
        lastPing = now
    }

    /// When `check` has something to say next.
    package var deadline: Duration {
        min(lastHeard + idle, max(lastHeard, lastPing) + pingInterval)
    }

    /// Notes that the peer said something.
    package mutating func heard(now: Duration) {
        lastHeard = now
    }

    /// Looks at the clock; `ping` is said once per interval.
    package mutating func check(now: Duration) -> Verdict {
        if now >= lastHeard + idle { return .gone }
        guard now >= max(lastHeard, lastPing) + pingInterval else { return .fine }
        lastPing = now
        return .ping
    }
}
