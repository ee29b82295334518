// SPDX-License-Identifier: Apache-2.0

/// How a session of a run ended.
package enum RunOutcome: Sendable, Equatable {
    /// All pictures that were asked for are written.
    case complete
    /// Some images failed; each was reported with its reason.
    case someImagesFailed
    /// It was asked to stop; the run can be resumed.
    case interrupted
}
