// SPDX-License-Identifier: Apache-2.0

/// An attempt at an image that failed.
package struct FailedAttempt: Sendable, Equatable, CustomStringConvertible {
    /// Address of the worker that tried; empty when no worker is to blame.
    package var worker: String
    /// Which attempt of its session, from 1; 0 when no worker tried.
    package var attempt: Int
    /// Why it failed, one sentence.
    package var reason: String

    /// Describes an attempt.
    package init(worker: String, attempt: Int, reason: String) {
        self.worker = worker
        self.attempt = attempt
        self.reason = reason
    }

    /// A failure that is no worker's.
    package init(reason: String) {
        self.init(worker: "", attempt: 0, reason: reason)
    }

    /// No worker is left to sample the image: nobody's fault, and a later session may.
    package static let noWorkerLeft = FailedAttempt(reason: "no usable worker is left")

    /// Every worker that is left has given the image back for one reason.
    package static func notUnderstood(by worker: String, reason: String) -> FailedAttempt {
        FailedAttempt(reason: "no worker can generate it; \(worker) says: \(reason)")
    }

    /// With the attempt's number, for logs: `host:7400, attempt 2: no step progress for 60 s`.
    package var description: String {
        worker.isEmpty ? reason : "\(worker), attempt \(attempt): \(reason)"
    }

    /// For people: `host:7400: no step progress for 60 s`.
    package var sentence: String { worker.isEmpty ? reason : "\(worker): \(reason)" }
}
