// SPDX-License-Identifier: Apache-2.0

/// Why a run can't begin or ended early.
package enum CoordinatorError: Error {
    /// The list of workers is empty.
    case noWorkers
    /// No worker was usable, or all were lost. What could be finished was: see the summary.
    case noUsableWorker(reasons: [String], summary: CoordinatorSummary)
    /// The user cancelled, or the task was cancelled.
    case cancelled(CoordinatorSummary)
    /// The store or the consumer of pictures threw this, and the run ended.
    case consumerFailed(any Error, CoordinatorSummary)

    /// What was done before the run ended; `nil` if it did not begin.
    package var summary: CoordinatorSummary? {
        switch self {
        case .noWorkers: nil
        case .noUsableWorker(_, let summary), .cancelled(let summary),
            .consumerFailed(_, let summary):
            summary
        }
    }
}

/// A batch came after the coordinator was drained, was cancelled or had ended.
package struct CoordinatorClosedError: Error, Equatable, CustomStringConvertible {
    /// There is nothing more to say.
    package init() {}

    package var description: String {
        "the coordinator takes no more batches; submit them to one that is started anew"
    }
}

extension CoordinatorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noWorkers: "no workers are given; list one per line in the hosts file"
        case .cancelled: "the run was cancelled"
        case .consumerFailed(let error, _): "\(error)"
        case .noUsableWorker(let reasons, let summary):
            """
            no usable worker is left, and \(summary.failures.count) of \
            \(summary.completedCount + summary.failures.count) images were not generated:
            \(reasons.map { "  " + $0 }.joined(separator: "\n"))
            """
        }
    }
}
