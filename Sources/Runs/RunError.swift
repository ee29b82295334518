// SPDX-License-Identifier: Apache-2.0

import GRDB
import GenerationTypes
import Glibc

/// Why an output directory, or the run in it, can't be used.
package enum RunError: Error, Equatable, CustomStringConvertible {
    /// The disk refused a write.
    case disk(DiskError)

    // The directory.

    /// A component of the path is a file.
    case notADirectory(path: String)
    /// The directory can't be made; `reason` is the system's.
    case cannotCreate(path: String, reason: String)
    /// It holds a run.
    case holdsARun(path: String, fileCount: Int, example: String)
    /// It holds files with the names of a run's, and no database of one.
    case holdsOtherFiles(path: String, fileCount: Int, example: String)
    /// A file that this run would write is there, and no run of this directory wrote it.
    case foreignFile(path: String)
    /// Another process writes a run there now, where it is known which.
    case inUse(path: String, by: String?)
    /// The file system has no locks; `reason` is the system's.
    case cannotLock(path: String, reason: String)
    /// The file to be locked is not ours.
    case foreignLock(path: String, reason: String)
    /// A file of this name appeared during the run; it was left alone.
    case fileExists(path: String)

    // The run's database.

    /// No run was ever accepted there.
    case noRun(path: String)
    /// The database is damaged, or something else.
    case damaged(path: String, reason: String)
    /// It can't be read, or there is no room for a copy to read.
    case unreadable(path: String, reason: String)
    /// Another version of the program wrote it.
    case otherVersion(path: String, found: Int, expected: Int)
    /// An image asks for a setting that this version does not know.
    case unknownSetting(path: String, key: String)

    /// The meaning of an error number of a write.
    package init(errno code: Int32, path: String) {
        self = code == EEXIST ? .fileExists(path: path) : .disk(DiskError(errno: code, path: path))
    }

    /// The meaning of an error, of the database too, in a run that is accepted.
    init(_ error: any Error, path: String) {
        switch error {
        case let error as RunError: self = error.in(.running)
        case let error as UnknownRequestKeyError: self = .unknownSetting(path: path, key: error.key)
        case let error as DatabaseError: self.init(error, path: path)
        default: self = .damaged(path: path, reason: "\(error)")
        }
    }

    private init(_ error: DatabaseError, path: String) {
        let reason = error.message ?? "\(error.resultCode)"
        switch error.resultCode {
        case .SQLITE_FULL: self = .disk(DiskError(path: path, .full, .running))
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_FORMAT:
            self = .damaged(path: path, reason: reason)
        default: self = .disk(DiskError(path: path, .failed(reason: reason), .running))
        }
    }

    /// The meaning of an error that came before anything was accepted: nothing is damaged then.
    static func beforeAcceptance(_ error: any Error, path: String) -> RunError {
        switch RunError(error, path: path) {
        case .damaged(let path, let reason):
            .disk(DiskError(path: path, .failed(reason: reason), .accepting))
        case let error: error.in(.accepting)
        }
    }

    /// The same error at another time.
    package func `in`(_ phase: DiskError.Phase) -> RunError {
        guard case .disk(var error) = self else { return self }
        error.phase = phase
        return .disk(error)
    }

    /// What is wrong, and what to do about it.
    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .notADirectory(let path): "\(path) is a file; choose another directory with -o"
        case .cannotCreate(let path, let reason):
            "cannot create the directory \(path): \(reason); choose another with -o"
        case .holdsARun(let path, let fileCount, let example):
            """
            \(path) already holds a run (\(fileCount) files, e.g. \(example)); resume it with \
            --resume, replace it with --overwrite, or choose another directory with -o
            """
        case .holdsOtherFiles(let path, let fileCount, let example):
            """
            \(path) holds files with the names of a run's (\(fileCount), e.g. \(example)) but no \
            run.sqlite; they are left alone: choose another directory with -o, or \
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
        case .noRun(let path):
            "\(path) holds no run that could be resumed; begin one without --resume"
        case .damaged(let path, let reason):
            """
            \(path) is damaged (\(reason)); pictures and latents beside it are whole, but this run \
            can't be resumed: begin another in a new directory
            """
        case .unreadable(let path, let reason): "\(path) can't be read: \(reason)"
        case .otherVersion(let path, let found, let expected):
            """
            \(path) is of layout \(found), and this program knows layout \(expected); resume with \
            the program that began the run
            """
        case .unknownSetting(let path, let key):
            """
            \(path): an image asks for \(key), which this program does not know; resume with \
            the program that began the run
            """
        }
    }
}
