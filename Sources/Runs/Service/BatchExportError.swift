// SPDX-License-Identifier: Apache-2.0

/// Why a batch can't become a run of its own.
package enum BatchExportError: Error, Equatable, CustomStringConvertible {
    /// The service never had it, or has forgotten it.
    case unknown(String, state: String)
    /// It was deleted, or has expired.
    case erased(String)
    /// A version that did not keep its model accepted it.
    case unknownModel(String)
    /// Something is in the directory.
    case notEmpty(path: String)
    /// A signal asked for the end.
    case interrupted

    /// What is wrong, and what to do about it.
    package var description: String {
        switch self {
        case .unknown(let id, let state):
            "there is no batch \(id) in \(state); 'retom-coord status \(state)' lists the newest"
        case .erased(let id):
            "batch \(id) was deleted or has expired: nothing is left of it to export"
        case .unknownModel(let id):
            """
            the service has not kept which model batch \(id) is of; start this version of \
            retom-serve once with that directory and that model, then export it again
            """
        case .notEmpty(let path):
            "\(path) is not empty; choose a new or an empty directory with -o"
        case .interrupted: "interrupted: nothing was exported"
        }
    }
}
