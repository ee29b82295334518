// SPDX-License-Identifier: Apache-2.0

/// Counts connections that have not shown yet that they may come in.
///
/// Each source, and all together, have a few places. When there is none left, the connection that has
/// waited longest makes way: silent connections of somebody else on its machine keep no coordinator
/// out. A failure keeps its place for a while, so that guessing, and what it writes into logs, stays
/// slow. Pure: time is passed in.
package struct AdmissionLedger: Sendable {
    /// Places for one source.
    package static let sourceCountMax = 8
    /// Places in all.
    package static let countMax = 32
    /// How long a failure keeps its place.
    package static let failurePause = Duration.seconds(1)

    /// What becomes of a new connection.
    package enum Verdict: Sendable, Equatable {
        case enters
        /// It enters, and the connection of this number has to go.
        case replaces(UInt64)
        /// Failures have all places.
        case turnedAway
    }

    private struct Place {
        var id: UInt64
        var source: String
    }

    /// Those that wait, the oldest first.
    private var waiting: [Place] = []
    private var failures: [(source: String, until: Duration)] = []

    /// Nobody is there yet.
    package init() {}

    /// Places that are taken.
    package var count: Int { waiting.count + failures.count }

    /// Takes a place for a connection.
    package mutating func enter(_ id: UInt64, of source: String, now: Duration) -> Verdict {
        failures.removeAll { now >= $0.until }
        let verdict = verdict(on: source)
        if case .replaces(let other) = verdict { leave(other) }
        if verdict != .turnedAway { waiting.append(Place(id: id, source: source)) }
        return verdict
    }

    /// Gives a place back: the connection is no stranger's any more.
    package mutating func leave(_ id: UInt64) {
        waiting.removeAll { $0.id == id }
    }

    /// Notes that a connection failed; of no effect when it had to go before.
    package mutating func fail(_ id: UInt64, now: Duration) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        failures.append((waiting.remove(at: index).source, now + Self.failurePause))
    }

    private func verdict(on source: String) -> Verdict {
        let isFull = count(of: source) >= Self.sourceCountMax
        guard isFull || count >= Self.countMax else { return .enters }
        // Whoever has most places gives one; a source that has all of its own gives its own.
        let crowd =
            isFull
            ? source
            : waiting.map(\.source).max { count(of: $0) < count(of: $1) }
        let oldest = waiting.first { $0.source == crowd }
        return oldest.map { .replaces($0.id) } ?? .turnedAway
    }

    private func count(of source: String) -> Int {
        waiting.count { $0.source == source } + failures.count { $0.source == source }
    }
}
