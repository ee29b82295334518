// SPDX-License-Identifier: Apache-2.0

/// Counts connections that have not shown yet that they may come in.
///
/// Each source, and all together, have a few places; a failure keeps its place for a while, so that
/// guessing, and what it writes into logs, stays slow. Pure: time is passed in.
package struct AdmissionLedger: Sendable {
    /// Places for one source.
    package static let sourceCountMax = 8
    /// Places in all.
    package static let countMax = 32
    /// How long a failure keeps its place.
    package static let failurePause = Duration.seconds(1)

    private var open: [String: Int] = [:]
    private var failures: [(source: String, until: Duration)] = []

    /// Nobody is there yet.
    package init() {}

    /// Places that are taken.
    package var count: Int { open.values.reduce(0, +) }

    /// Takes a place; `false` when there is none for this source.
    package mutating func enter(_ source: String, now: Duration) -> Bool {
        while let first = failures.first, now >= first.until {
            failures.removeFirst()
            leave(first.source)
        }
        guard count < Self.countMax, open[source, default: 0] < Self.sourceCountMax else {
            return false
        }
        open[source, default: 0] += 1
        return true
    }

    /// Gives a place back: the connection is no stranger's any more.
    package mutating func leave(_ source: String) {
        guard let number = open[source] else { return }
        open[source] = number > 1 ? number - 1 : nil
    }

    /// Notes that the connection that has a place failed.
    package mutating func fail(_ source: String, now: Duration) {
        failures.append((source, now + Self.failurePause))
    }
}
