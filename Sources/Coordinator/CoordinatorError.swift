// SPDX-License-Identifier: Apache-2.0

/// Why a run can't begin or ended early.
package enum CoordinatorError: Error {
    /// The list of workers is empty.
    case noWorkers
    /// No worker was usable, or all were lost. What could be finished was: see the summary.
    case noUsableWorker(reasons: [String], summary: CoordinatorSummary)
}

extension CoordinatorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noWorkers: "no workers are given; list one per line in the hosts file"
        case .noUsableWorker(let reasons, let summary):
            """
            no usable worker is left, and \(summary.failures.count) of \
            \(summary.completedCount + summary.failures.count) images are not drawn:
            \(reasons.map { "  " + $0 }.joined(separator: "\n"))
            """
        }
    }
}
