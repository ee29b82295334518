// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The disk refused a write: the one error of its kind, from the system call to the user.
package struct DiskError: Error, Equatable, CustomStringConvertible {
    /// Why.
    package enum Cause: Sendable, Equatable {
        /// The disk, or this user's quota of it, is full.
        case full
        /// This user may not write there; `reason` is the system's.
        case notWritable(reason: String)
        /// Writing failed otherwise; `reason` is the system's.
        case failed(reason: String)
    }

    /// When: that decides what can be done about it.
    package enum Phase: Sendable, Equatable {
        /// A directory is being prepared; another one would do.
        case preparing
        /// The run was about to be accepted, and nothing of it was kept.
        case accepting
        /// The run is accepted and can be resumed.
        case running
    }

    /// The file or directory.
    package var path: String
    /// Why.
    package var cause: Cause
    /// When.
    package var phase: Phase

    /// Describes an error.
    package init(path: String, _ cause: Cause, _ phase: Phase = .preparing) {
        self.path = path
        self.cause = cause
        self.phase = phase
    }

    /// The meaning of an error number of a write.
    package init(errno code: Int32, path: String) {
        let reason = String(cString: strerror(code))
        let cause: Cause =
            switch code {
            case ENOSPC, EDQUOT: .full
            case EACCES, EPERM, EROFS: .notWritable(reason: reason)
            default: .failed(reason: reason)
            }
        self.init(path: path, cause)
    }

    /// What happened, and what to do about it.
    package var description: String {
        let reason =
            switch cause {
            case .full: "no space left"
            case .notWritable(let reason), .failed(let reason): reason
            }
        return switch (phase, cause) {
        case (.preparing, .full):
            "no space left for \(path); free some, or choose another disk with -o"
        case (.preparing, .notWritable):
            "cannot write to the directory \(path): \(reason); choose another with -o"
        case (.preparing, .failed):
            "cannot write \(path): \(reason); choose another directory with -o"
        case (.accepting, _):
            """
            cannot write \(path): \(reason); no image was accepted: fix that, or choose another \
            directory with -o, and begin again
            """
        case (.running, .full): "no space left for \(path); free some, then resume with --resume"
        case (.running, _):
            "cannot write \(path): \(reason); fix that, then resume with --resume"
        }
    }
}
