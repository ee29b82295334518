// SPDX-License-Identifier: Apache-2.0

/// Log messages about too many waiting connections: one line per second at most.
///
/// Pure: time is passed in.
package struct CrowdReport: Sendable {
    /// Shortest time between two lines.
    package static let pause = Duration.seconds(1)

    private var next = Duration.zero
    private var unreportedCount = 0

    /// No connections closed yet.
    package init() {}

    /// Records that a connection was closed to make room.
    ///
    /// - Returns: the reason to log, or `nil` if one was logged just now.
    package mutating func reason(now: Duration) -> String? {
        guard now >= next else {
            unreportedCount += 1
            return nil
        }
        let more = unreportedCount > 0 ? "; \(unreportedCount) more since the last such line" : ""
        (next, unreportedCount) = (now + Self.pause, 0)
        return """
            too many connections wait to be let in (\(AdmissionLedger.sourceCountMax) of one source, \
            \(AdmissionLedger.countMax) in all)\(more)
            """
    }
}
