// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import Glibc

/// Why a run's account can't be read or kept.
package enum RunStoreError: Error, Equatable, CustomStringConvertible {
    /// No run was ever begun there.
    case noRun(path: String)
    /// The account can't be read: it is damaged, or no account at all.
    case damaged(path: String, reason: String)
    /// It may not be read, or there is no room for a copy to look at.
    case unreadable(path: String, reason: String)
    /// Another version of the program wrote it.
    case otherVersion(path: String, found: Int, expected: Int)
    /// The disk, or this user's quota of it, is full.
    case diskFull(path: String)
    /// Writing failed otherwise; `reason` is the system's.
    case writeFailed(path: String, reason: String)
    /// Nothing of a new run could be kept.
    case notAccepted(path: String, reason: String)

    package var description: String {
        switch self {
        case .noRun(let path):
            "\(path) holds no run that could go on; begin one without --resume"
        case .damaged(let path, let reason):
            """
            \(path) is damaged (\(reason)); pictures and latents beside it are whole, but this run \
            can't go on: begin another in a new directory
            """
        case .unreadable(let path, let reason): "\(path) can't be looked at: \(reason)"
        case .otherVersion(let path, let found, let expected):
            """
            \(path) is of layout \(found), and this program knows layout \(expected); go on with \
            the program that began the run
            """
        case .diskFull(let path):
            "no space left for \(path); free some, and go on with --resume"
        case .writeFailed(let path, let reason):
            "cannot write \(path): \(reason); when that is mended, go on with --resume"
        case .notAccepted(let path, let reason):
            """
            cannot write \(path): \(reason); no image was accepted: mend that, or choose another \
            directory with -o, and begin again
            """
        }
    }

    /// What an error means that came before anything was accepted.
    static func beforeAcceptance(_ error: any Error, path: String) -> RunStoreError {
        switch RunStoreError(error, path: path) {
        case .diskFull(let path): .notAccepted(path: path, reason: "no space left")
        case .writeFailed(let path, let reason), .damaged(let path, let reason):
            .notAccepted(path: path, reason: reason)
        case let error: error
        }
    }

    /// What an error number of a write means.
    init(errno code: Int32, path: String) {
        switch code {
        case ENOSPC, EDQUOT: self = .diskFull(path: path)
        default: self = .writeFailed(path: path, reason: String(cString: strerror(code)))
        }
    }

    /// What an error of the database means.
    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self = error as? RunStoreError ?? .damaged(path: path, reason: "\(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL: self = .diskFull(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_FORMAT:
            self = .damaged(path: path, reason: error.message ?? "\(error.resultCode)")
        default:
            self = .writeFailed(path: path, reason: error.message ?? "\(error.resultCode)")
        }
    }
}
