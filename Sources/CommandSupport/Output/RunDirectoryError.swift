// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why the output directory cannot be used.
package enum RunDirectoryError: Error, Equatable, CustomStringConvertible {
    /// A component of the path is a file.
    case notADirectory(path: String)
    /// The directory cannot be made; `reason` is the system's.
    case cannotCreate(path: String, reason: String)
    /// Nothing can be written there; `reason` is the system's.
    case notWritable(path: String, reason: String)
    /// The disk, or this user's quota of it, is full.
    case diskFull(path: String)
    /// Pictures of an earlier run are there.
    case holdsARun(path: String, fileCount: Int, example: String)
    /// There are files with the names of a run's, and no account of one.
    case holdsOtherFiles(path: String, fileCount: Int, example: String)
    /// A file that this run would write is there, and no run of this directory wrote it.
    case foreignFile(path: String)
    /// Another process writes a run there now, where it is known which.
    case inUse(path: String, by: String?)
    /// The file system has no locks; `reason` is the system's.
    case cannotLock(path: String, reason: String)
    /// The file to be locked is not ours.
    case foreignLock(path: String, reason: String)
    /// A picture with this name appeared during the run; it was left alone.
    case fileExists(path: String)
    /// Writing a file failed otherwise; `reason` is the system's.
    case writeFailed(path: String, reason: String)

    package var description: String {
        switch self {
        case .notADirectory(let path): "\(path) is a file; choose another directory with -o"
        case .cannotCreate(let path, let reason):
            "cannot create the directory \(path): \(reason); choose another with -o"
        case .notWritable(let path, let reason):
            "cannot write to the directory \(path): \(reason); choose another with -o"
        case .diskFull(let path):
            "no space left for \(path); free some, or choose another disk with -o"
        case .holdsARun(let path, let fileCount, let example):
            """
            \(path) already holds a run (\(fileCount) files, e.g. \(example)); go on with it with \
            --resume, replace it with --overwrite, or choose another directory with -o
            """
        case .holdsOtherFiles(let path, let fileCount, let example):
            """
            \(path) holds files with the names of a run's (\(fileCount), e.g. \(example)) but no \
            account of one, run.sqlite; they are left alone: choose another directory with -o, or \
            move them
            """
        case .foreignFile(let path):
            """
            \(path) is there already, and no run of this directory wrote it; move it, or choose \
            another directory with -o
            """
        case .inUse(let path, let holder):
            """
            another run is writing to \(path) now\(holder.map { " (\($0))" } ?? ""); wait for it or \
            choose another directory with -o
            """
        case .cannotLock(let path, let reason):
            """
            \(path) can't be locked against other runs (\(reason)); choose a directory on a disk of \
            this machine with -o, or mount its file system with locks
            """
        case .foreignLock(let path, let reason):
            """
            \(path) can't be locked: \(reason); when no run is writing there, remove it, or choose \
            another directory with -o
            """
        case .fileExists(let path): "\(path) appeared during the run and was left alone"
        case .writeFailed(let path, let reason): "cannot write \(path): \(reason)"
        }
    }

    /// What an error number of a write means.
    package init(errno code: Int32, path: String) {
        switch code {
        case ENOSPC, EDQUOT: self = .diskFull(path: path)
        case EEXIST: self = .fileExists(path: path)
        case EACCES, EPERM, EROFS:
            self = .notWritable(path: path, reason: String(cString: strerror(code)))
        default: self = .writeFailed(path: path, reason: String(cString: strerror(code)))
        }
    }
}
