// SPDX-License-Identifier: Apache-2.0

/// What a log says of a crowd at the door: a line a second, however many come.
///
/// Pure: time is passed in.
package struct CrowdReport: Sendable {
    /// Shortest time between two lines.
    package static let pause = Duration.seconds(1)

    private var next = Duration.zero
    private var unreportedCount = 0

    /// Nobody was turned away yet.
    package init() {}

    /// A connection had to go.
    ///
    /// - Returns: the reason to log, or `nil` where it was said just now.
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
