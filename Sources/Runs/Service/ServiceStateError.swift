// SPDX-License-Identifier: Apache-2.0

import GRDB
import GenerationTypes
import Requests

/// Why the directory of a service can't be used.
package enum ServiceStateError: Error, Equatable, CustomStringConvertible {
    /// Another process has it open, where it is known which.
    case inUse(path: String, by: String?)
    /// It can't be locked, made or written; `reason` says why.
    case unusable(path: String, reason: String)
    /// There is no service's directory.
    case noService(path: String)
    /// The disk is full.
    case full(path: String)
    /// The database is damaged, or something else.
    case damaged(path: String, reason: String)
    /// Another version of the program wrote it.
    case otherVersion(path: String, found: Int)
    /// Its batches that have not ended are another model's.
    case otherModel(path: String, name: String)
    /// A key of that name is there already, or none is.
    case keyName(String, exists: Bool)

    /// The meaning of an error of the directory or its database.
    init(_ error: any Error, directory: String) {
        if let error = error as? ServiceStateError {
            self = error
            return
        }
        switch RunError(error, path: directory) {
        case .disk(let disk): self.init(disk)
        case .inUse(let path, let holder): self = .inUse(path: path, by: holder)
        case .cannotLock(let path, let reason), .foreignLock(let path, let reason),
            .cannotCreate(let path, let reason), .unreadable(let path, let reason):
            self = .unusable(path: path, reason: reason)
        case .notADirectory(let path): self = .unusable(path: path, reason: "it is a file")
        case .fileExists(let path), .foreignFile(let path):
            self = .unusable(path: path, reason: "a file of that name is there")
        case .damaged(let path, let reason): self = .damaged(path: path, reason: reason)
        case .otherVersion(let path, let found, _): self = .otherVersion(path: path, found: found)
        case .unknownSetting(let path, let key):
            self = .damaged(path: path, reason: "a request asks for \(key), which is not known")
        case .holdsARun(let path, _, _), .holdsOtherFiles(let path, _, _), .noRun(let path):
            self = .unusable(path: path, reason: "it is no service's directory")
        }
    }

    private init(_ error: DiskError) {
        self =
            switch error.cause {
            case .full: .full(path: error.path)
            case .notWritable(let reason), .failed(let reason):
                .unusable(path: error.path, reason: reason)
            }
    }

    /// What is wrong, and what to do about it.
    package var description: String {
        switch self {
        case .inUse(let path, let holder):
            """
            another service uses \(path)\(holder.map { " (\($0))" } ?? ""); stop it, or choose \
            another directory with --state
            """
        case .unusable(let path, let reason):
            "\(path) can't be used: \(reason); mend that, or choose another directory with --state"
        case .noService(let path):
            """
            there is no service in \(path); give the --state that it was started with, or make its \
            first key with 'retom-serve keys add'
            """
        case .full(let path):
            "no space left for \(path); free some and start the service again: nothing is lost"
        case .damaged(let path, let reason):
            """
            \(path) is damaged (\(reason)); restore it from a backup, or choose another directory \
            with --state
            """
        case .otherVersion(let path, let found):
            """
            \(path) is of layout \(found), and this program knows layout \(ServiceStore.layout); \
            use the program that wrote it
            """
        case .otherModel(let path, let name):
            """
            batches in \(path) wait for the model \(name); start with that one until they have \
            ended, or choose another directory with --state
            """
        case .keyName(let name, true): "there is a key named \(name) already; choose another name"
        case .keyName(let name, false):
            "there is no key named \(name); 'retom-serve keys list' shows all"
        }
    }
}
