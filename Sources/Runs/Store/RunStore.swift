// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import GRDB
package import GenerationTypes
import Glibc
import Synchronization

/// The durable state of one run, in its directory: requests, attempts, results, pictures.
///
/// `run.sqlite` (WAL, synchronous = FULL) holds everything but the latents, which are files of the
/// archive beside it. What a function of this type was given is on the disk when it returns; a call
/// that was cut short has no effect. After a disk error nothing more is written: what it left is
/// not known, and a later success would prove nothing.
package final class RunStore: Sendable {
    /// Version of the tables.
    static let layout = 4

    /// The latents of all results.
    package let archive: LatentArchive
    let directory: String
    private let locks: LockedDatabase
    private let state: Mutex<State>

    fileprivate struct State {
        var name: String
        var queue: DatabaseQueue
        /// Why nothing is written any more.
        var problem: RunError?
    }

    private init(
        directory: String, name: String, queue: DatabaseQueue, locks: LockedDatabase
    ) {
        self.directory = directory
        self.locks = locks
        archive = LatentArchive(directory: directory)
        state = Mutex(State(name: name, queue: queue))
    }

    /// Accepts a run: everything that was asked for is on the disk when it returns.
    ///
    /// - Parameters:
    ///   - isSuccessor: whether the directory holds an earlier run, which stays until `takePlace`.
    ///   - onWait: called when another program's lock is waited for.
    /// - Throws: `RunError`.
    package static func begin(
        _ run: StoredRun, requests: [GenerationRequest], directory: String, isSuccessor: Bool,
        onWait: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> RunStore {
        let name = isSuccessor ? RunFileName.successor : RunFileName.database
        let path = "\(directory)/\(name)"
        let locks = LockedDatabase(path: path, onWait: onWait)
        do {
            try makeRoom(in: directory, isSuccessor: isSuccessor, locks)
        } catch {
            throw RunError.beforeAcceptance(error, path: path)
        }
        do {
            let queue = try connect(path, locks)
            let store = RunStore(directory: directory, name: name, queue: queue, locks: locks)
            try store.archive.create()
            try queue.write { try $0.createTables(run, requests) }
            try DurableWrite.synchronize(directory: directory)
            return store
        } catch {
            // Nothing was accepted, so nothing stays.
            remove(path)
            rmdir("\(directory)/\(RunFileName.latentsFolder)")
            throw RunError.beforeAcceptance(error, path: path)
        }
    }

    /// Removes leftovers of runs that were never accepted: SQLite would continue them.
    private static func makeRoom(
        in directory: String, isSuccessor: Bool, _ locks: LockedDatabase
    ) throws {
        let path = "\(directory)/\(RunFileName.database)"
        let successor = "\(directory)/\(RunFileName.successor)"
        // One that was accepted, and has only its last name to get, is the earlier run.
        if isSuccessor, access(successor, F_OK) == 0, access(path, F_OK) != 0 {
            try recover(successor, as: path, locks)
        }
        if !isSuccessor { remove(path) }
        remove(successor)
        try DurableWrite.synchronize(directory: directory)
    }

    /// Removes a database and SQLite's files beside it.
    private static func remove(_ path: String) {
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
    }

    /// Opens an earlier run, to begin a session of it; `peek` only looks at one.
    ///
    /// - Parameters:
    ///   - prefersSuccessor: whether a run that was to replace it, and was accepted, is opened
    ///     rather: it was killed before it had a picture.
    ///   - onWait: called when another program's lock is waited for.
    /// - Throws: `RunError`.
    package static func open(
        directory: String, prefersSuccessor: Bool = false,
        onWait: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> RunStore {
        let path = "\(directory)/\(RunFileName.database)"
        let locks = LockedDatabase(path: path, onWait: onWait)
        let successor = "\(directory)/\(RunFileName.successor)"
        if access(successor, F_OK) == 0 {
            if access(path, F_OK) != 0 {
                try recover(successor, as: path, locks)
            } else if prefersSuccessor,
                let store = try openAccepted(RunFileName.successor, directory: directory, locks)
            {
                return store
            }
        }
        guard access(path, F_OK) == 0,
            let store = try openAccepted(RunFileName.database, directory: directory, locks)
        else { throw RunError.noRun(path: directory) }
        return store
    }

    /// Ends what `takePlace` began: killed after the earlier run was removed.
    private static func recover(
        _ successor: String, as path: String, _ locks: LockedDatabase
    ) throws {
        // Of the earlier run: SQLite would read them into this one.
        for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        do {
            try close(connect(successor, locks))
            try move(successor, to: path)
        } catch {
            throw RunError(error, path: successor)
        }
    }

    /// Closes a database with everything in one file, whatever other connections do.
    private static func close(_ queue: DatabaseQueue) throws {
        // Closing would do it too, but keep silent if it failed.
        _ = try queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try queue.close()
    }

    /// Renames a database that is one file; a loss of power leaves it under one of its names, and
    /// no log of an earlier run beside it.
    private static func move(_ successor: String, to path: String) throws {
        let directory = String(path.dropLast(RunFileName.database.count + 1))
        try DurableWrite.synchronize(directory: directory)
        guard rename(successor, path) == 0 else { throw RunError(errno: errno, path: path) }
        try DurableWrite.synchronize(directory: directory)
    }

    /// - Returns: `nil` if it was made by a process that was killed before anything was accepted.
    private static func openAccepted(
        _ name: String, directory: String, _ locks: LockedDatabase
    ) throws -> RunStore? {
        let path = "\(directory)/\(name)"
        do {
            let queue = try connect(path, locks)
            let found = try queue.read { try $0.knownLayout(path) }
            guard found != 0 else {
                // It was never announced, and a new run needs the room.
                try queue.close()
                remove(path)
                return nil
            }
            let store = RunStore(directory: directory, name: name, queue: queue, locks: locks)
            try store.archive.create()
            return store
        } catch {
            throw RunError(error, path: path)
        }
    }

    /// Whether an earlier run is still in its place.
    package var isSuccessor: Bool { state.withLock { $0.name == RunFileName.successor } }

    /// Whether a run that was accepted waits to take this one's place.
    var hasSuccessor: Bool {
        !isSuccessor && access("\(directory)/\(RunFileName.successor)", F_OK) == 0
    }

    /// Replaces the earlier run, whose files have been removed.
    ///
    /// - Throws: `RunError`.
    package func takePlace() throws {
        try guarded { state in
            guard state.name == RunFileName.successor else { return }
            let path = "\(directory)/\(RunFileName.database)"
            try Self.close(state.queue)
            try Self.move("\(directory)/\(RunFileName.successor)", to: path)
            state.name = RunFileName.database
            state.queue = try Self.connect(path, locks)
            try DurableWrite.synchronize(directory: directory)
        }
    }

    /// Begins a session; a run of an earlier layout is rewritten to this version's.
    ///
    /// - Throws: `RunError`.
    package func beginSession(at date: Date) throws -> StoredSession {
        let session = try write { database in
            let found = try database.layout()
            if found < Self.layout { try database.migrate(from: found) }
            let now = date.timeIntervalSince1970
            try database.execute(
                sql: "INSERT INTO life (started_at) VALUES (?)", arguments: [now])
            let number = Int(database.lastInsertedRowID)
            guard StoredSession.numbers.contains(number) else {
                throw DatabaseError(
                    resultCode: .SQLITE_CORRUPT, message: "number can't be \(number)")
            }
            return StoredSession(number: number, startedAt: now)
        }
        // The name of the log that this session writes: SQLite tries that too, and ignores failure.
        try guarded { try DurableWrite.synchronize(directory: directory) }
        return session
    }

    /// Ends a session.
    ///
    /// - Throws: `RunError`.
    package func end(_ session: StoredSession, at date: Date, traffic: ByteCounts) throws {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE life SET finished_at = ?, sent = ?, received = ?, latents = ?,
                        compressed_latents = ? WHERE number = ?
                    """,
                arguments: [
                    date.timeIntervalSince1970, traffic.sent, traffic.received, traffic.latents,
                    traffic.compressedLatents, session.number,
                ])
        }
    }

    /// Closes the database with everything in one file; nothing may be called afterwards.
    ///
    /// - Throws: `RunError`.
    func close() throws {
        try guarded { try Self.close($0.queue) }
    }

    /// Removes a run without results that was to replace an earlier one; nothing may be called
    /// afterwards.
    package func abandonSuccession() {
        state.withLock { state in
            guard state.name == RunFileName.successor else { return }
            try? state.queue.close()
            Self.remove("\(directory)/\(state.name)")
        }
    }

    /// - Throws: `RunError`.
    func write<Value: Sendable>(_ body: (Database) throws -> Value) throws -> Value {
        try guarded { try $0.queue.write(body) }
    }

    /// Writes something elsewhere than in the database; may be called on several threads at once.
    ///
    /// - Throws: `RunError`; the first one stands for everything that is tried later.
    func guarded(_ body: () throws -> Void) throws {
        if let problem = state.withLock(\.problem) { throw problem }
        do {
            try body()
        } catch {
            throw state.withLock { $0.fail(error, directory) }
        }
    }

    private func guarded<Value: Sendable>(_ body: (inout State) throws -> Value) throws -> Value {
        try state.withLock { state in
            if let problem = state.problem { throw problem }
            do {
                return try body(&state)
            } catch {
                throw state.fail(error, directory)
            }
        }
    }

    /// - Throws: `RunError`.
    func read<Value: Sendable>(_ body: (Database) throws -> Value) throws -> Value {
        try state.withLock { state in
            do {
                return try state.queue.read(body)
            } catch {
                throw RunError(error, path: "\(directory)/\(state.name)")
            }
        }
    }

    private static func connect(_ path: String, _ locks: LockedDatabase) throws -> DatabaseQueue {
        try refuseLinks(path)
        var configuration = Configuration()
        configuration.journalMode = .wal
        // Others may read and even write while this process does.
        configuration.busyMode = locks.mode
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // Only now: with WAL, GRDB sets NORMAL itself, by which a loss of power takes commits back.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return queue
    }
}

extension RunStore {
    /// SQLite follows links, and would write wherever a planted one leads.
    static func refuseLinks(_ path: String) throws(RunError) {
        for file in ["", "-wal", "-shm", "-journal"].map({ path + $0 }) {
            var status = stat()
            guard lstat(file, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { continue }
            throw .damaged(path: file, reason: "it is not a regular file")
        }
    }
}

extension Database {
    /// The layout of a database that this program can read; 0 where nothing was accepted.
    func knownLayout(_ path: String) throws -> Int {
        let found = try layout()
        // A run is accepted with its tables, in one transaction.
        if found == 0, try Int.fetchOne(self, sql: "SELECT COUNT(*) FROM sqlite_master") != 0 {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "it has tables, but no layout")
        }
        guard found == 0 || found == RunStore.layout || EarlierLayout.known.contains(found) else {
            throw RunError.otherVersion(
                path: path, found: found, expected: RunStore.layout)
        }
        return found
    }
}

extension RunStore.State {
    /// Refuses all later writes.
    fileprivate mutating func fail(_ error: any Error, _ directory: String) -> RunError {
        let first = problem ?? RunError(error, path: "\(directory)/\(name)")
        problem = first
        return first
    }
}
