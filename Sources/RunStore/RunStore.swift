// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB
package import GenerationTypes
internal import Glibc
internal import Synchronization

/// The durable account of one run, in its directory: what was asked for, what was tried, what came
/// of it.
///
/// `run.sqlite` (WAL, synchronous = FULL) holds everything but the latents, which are files of the
/// archive beside it. Whatever a function of this type was given is on the disk when it returns;
/// whatever it was not finished with is as if it had not been called.
package final class RunStore: Sendable {
    /// Name of the database in a run's directory.
    package static let fileName = "run.sqlite"
    /// Name of the database of a run that is to replace another, until it has something to show.
    package static let successorName = "run-new.sqlite"
    /// Version of the tables.
    static let layout = 2

    /// The latents of all results.
    package let archive: LatentArchive
    private let directory: String
    private let state: Mutex<State>

    private struct State {
        var name: String
        var queue: DatabaseQueue
    }

    private init(directory: String, name: String, queue: DatabaseQueue) {
        self.directory = directory
        archive = LatentArchive(directory: directory)
        state = Mutex(State(name: name, queue: queue))
    }

    /// Accepts a run: everything that was asked for is on the disk when it returns.
    ///
    /// - Parameter isSuccessor: whether the directory holds an earlier run, which stays until
    ///   `takePlace`.
    /// - Throws: `RunStoreError`.
    package static func begin(
        _ run: StoredRun, requests: [GenerationRequest], directory: String, isSuccessor: Bool
    ) throws -> RunStore {
        let name = isSuccessor ? successorName : fileName
        let path = "\(directory)/\(name)"
        // A leftover of a run that came to nothing; SQLite would go on with it.
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        do {
            let queue = try connect(path)
            let store = RunStore(directory: directory, name: name, queue: queue)
            try store.archive.create()
            try queue.write { try $0.createTables(run, requests) }
            try store.synchronizeDirectory()
            return store
        } catch {
            // Nothing was accepted, so nothing stays.
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
            rmdir("\(directory)/\(LatentArchive.folderName)")
            throw RunStoreError(error, path: path)
        }
    }

    /// Opens the account of an earlier run.
    ///
    /// - Throws: `RunStoreError`.
    package static func open(directory: String) throws -> RunStore {
        let path = "\(directory)/\(fileName)"
        if access(path, F_OK) != 0 {
            // Killed after it removed the earlier run, before it took its place.
            let successor = "\(directory)/\(successorName)"
            guard access(successor, F_OK) == 0 else { throw RunStoreError.noRun(path: directory) }
            do {
                try connect(successor).close()
            } catch {
                throw RunStoreError(error, path: successor)
            }
            guard rename(successor, path) == 0 else {
                throw RunStoreError(errno: errno, path: path)
            }
        }
        do {
            let queue = try connect(path)
            let found = try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
            // Made by a process that was killed before anything was accepted.
            guard found != 0 else { throw RunStoreError.noRun(path: directory) }
            guard found == layout else {
                throw RunStoreError.otherVersion(path: path, found: found, expected: layout)
            }
            let store = RunStore(directory: directory, name: fileName, queue: queue)
            try store.archive.create()
            return store
        } catch {
            throw RunStoreError(error, path: path)
        }
    }

    /// Whether an earlier run's account is still in its place.
    package var isSuccessor: Bool { state.withLock { $0.name == Self.successorName } }

    /// Takes the place of the earlier run's account, whose files have been removed.
    ///
    /// - Throws: `RunStoreError`.
    package func takePlace() throws {
        try state.withLock { state in
            guard state.name == Self.successorName else { return }
            let path = "\(directory)/\(Self.fileName)"
            do {
                // Closing moves everything from the write-ahead log into the file.
                try state.queue.close()
                guard rename("\(directory)/\(Self.successorName)", path) == 0 else {
                    throw RunStoreError(errno: errno, path: path)
                }
                state = State(name: Self.fileName, queue: try Self.connect(path))
                try synchronizeDirectory()
            } catch {
                throw RunStoreError(error, path: path)
            }
        }
    }

    /// Begins a life of the coordinator.
    ///
    /// - Throws: `RunStoreError`.
    package func beginLife() throws -> StoredLife {
        try write { database in
            let now = Date().timeIntervalSince1970
            try database.execute(
                sql: "INSERT INTO life (started_at) VALUES (?)", arguments: [now])
            return StoredLife(number: Int(database.lastInsertedRowID), startedAt: now)
        }
    }

    /// Ends a life in order.
    ///
    /// - Throws: `RunStoreError`.
    package func end(_ life: StoredLife, traffic: StoredTraffic) throws {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE life SET finished_at = ?, sent = ?, received = ?, latents = ?,
                        compressed_latents = ? WHERE number = ?
                    """,
                arguments: [
                    Date().timeIntervalSince1970, traffic.sent, traffic.received, traffic.latents,
                    traffic.compressedLatents, life.number,
                ])
        }
    }

    /// Gives up a run that came to nothing, before it took the place of an earlier one; nothing may
    /// be called afterwards.
    package func abandonSuccession() {
        state.withLock { state in
            guard state.name == Self.successorName else { return }
            try? state.queue.close()
            for suffix in ["", "-wal", "-shm"] { unlink("\(directory)/\(state.name)\(suffix)") }
        }
    }

    /// - Throws: `RunStoreError`.
    func write<Value: Sendable>(_ body: (Database) throws -> Value) throws -> Value {
        try state.withLock { state in
            do {
                return try state.queue.write(body)
            } catch {
                throw RunStoreError(error, path: "\(directory)/\(state.name)")
            }
        }
    }

    /// - Throws: `RunStoreError`.
    func read<Value: Sendable>(_ body: (Database) throws -> Value) throws -> Value {
        try state.withLock { state in
            do {
                return try state.queue.read(body)
            } catch {
                throw RunStoreError(error, path: "\(directory)/\(state.name)")
            }
        }
    }

    private static func connect(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.journalMode = .wal
        // Others may read while this process writes.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private func synchronizeDirectory() throws(RunStoreError) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RunStoreError(errno: errno, path: directory) }
        defer { Glibc.close(descriptor) }
        // Some network file systems have no such thing for directories.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw RunStoreError(errno: errno, path: directory)
        }
    }
}
