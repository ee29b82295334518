// SPDX-License-Identifier: Apache-2.0

/// Counts connections that have not been admitted yet.
///
/// Each source, and all together, have a few places. When none is left, the connection that has
/// waited longest is closed, so that silent connections of another user on the coordinator's
/// machine cannot keep it out. A failure keeps its place for a while, so that guessing, and the log
/// lines it causes, stay slow. Pure: time is passed in.
package struct AdmissionLedger: Sendable {
    /// Places for one source.
    package static let sourceCountMax = 8
    /// Places in all.
    package static let countMax = 32
    /// How long a failure occupies its place.
    package static let failurePause = Duration.seconds(1)

    /// The decision about a new connection.
    package enum Verdict: Sendable, Equatable {
        case enters
        /// It is accepted, and the connection with this number must be closed.
        case replaces(UInt64)
        /// Failures occupy all places.
        case turnedAway
    }

    private struct Place {
        var id: UInt64
        var source: String
    }

    /// Waiting connections, the oldest first.
    private var waiting: [Place] = []
    private var failures: [(source: String, until: Duration)] = []

    /// No connections yet.
    package init() {}

    /// Occupied places.
    package var count: Int { waiting.count + failures.count }

    /// Takes a place for a connection.
    package mutating func enter(_ id: UInt64, of source: String, now: Duration) -> Verdict {
        failures.removeAll { now >= $0.until }
        let verdict = verdict(on: source)
        if case .replaces(let other) = verdict { leave(other) }
        if verdict != .turnedAway { waiting.append(Place(id: id, source: source)) }
        return verdict
    }

    /// Releases a place: the connection was admitted.
    package mutating func leave(_ id: UInt64) {
        waiting.removeAll { $0.id == id }
    }

    /// Records that a connection failed; no effect if it was closed earlier to make room.
    package mutating func fail(_ id: UInt64, now: Duration) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        failures.append((waiting.remove(at: index).source, now + Self.failurePause))
    }

    private func verdict(on source: String) -> Verdict {
        let isFull = count(of: source) >= Self.sourceCountMax
        guard isFull || count >= Self.countMax else { return .enters }
        // The source with the most places gives one up; a source at its own limit gives up one of
        // its own.
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
