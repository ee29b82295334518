// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes
import Glibc
import Requests
package import ServiceLedger
import Synchronization

/// The durable state of a service, in its directory: batches, results, pictures, callers' keys.
///
/// `service.sqlite` (WAL, synchronous = FULL) has one writer, the committer, which puts everything
/// that waits into one transaction; readers have connections of their own and wait for nobody.
/// Latents are files of the archive beside it, by their content. After a disk error nothing more is
/// written: what it left is not known, and a later success would prove nothing.
package final class ServiceStore: Sendable {
    /// Version of the tables.
    static let layout = 4

    /// The latents of all results.
    package let archive: LatentArchive
    /// Where everything is.
    package let directory: String
    let pool: DatabasePool
    let committer: GroupCommitter
    /// Latents that are written, or being written, and not committed.
    let arriving = ArrivingLatents()
    let pictureFolders: DurableFolders
    private let lock: DirectoryLock

    private init(
        directory: String, pool: DatabasePool, committer: GroupCommitter, lock: DirectoryLock
    ) {
        self.directory = directory
        self.pool = pool
        self.committer = committer
        self.lock = lock
        archive = LatentArchive(directory: directory)
        pictureFolders = DurableFolders(in: "\(directory)/\(Self.picturesName)")
    }

    /// Opens a service's directory, or makes a new one; no other process may have it open.
    ///
    /// - Parameters:
    ///   - onCommitter: runs work on the committer's thread, in order.
    ///   - onWait: called when another program's lock is waited for.
    /// - Throws: `ServiceStateError`.
    package static func open(
        directory: String,
        onCommitter: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        onWait: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ServiceStateError) -> ServiceStore {
        do {
            try createFolder(directory)
            let lock = try DirectoryLock(directory: directory)
            let path = "\(directory)/\(databaseName)"
            let pool = try connect(path, LockedDatabase(path: path, onWait: onWait))
            try pool.write { try $0.createServiceTables() }
            let committer = GroupCommitter(pool: pool, schedule: onCommitter)
            let store = ServiceStore(
                directory: directory, pool: pool, committer: committer, lock: lock)
            try store.archive.create()
            try createFolder("\(directory)/\(picturesName)")
            try DurableWrite.synchronize(directory: directory)
            return store
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }

    static let databaseName = "service.sqlite"
    static let picturesName = "pictures"

    /// Where a batch's pictures are.
    package func pictureFolder(of batch: BatchID) -> String {
        "\(directory)/\(Self.picturesName)/\(batch.text)"
    }

    static func createFolder(_ path: String) throws(RunError) {
        // Pictures and prompts are their owner's.
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw RunError(errno: errno, path: path)
        }
    }

    private static func connect(_ path: String, _ locks: LockedDatabase) throws -> DatabasePool {
        try RunStore.refuseLinks(path)
        var configuration = Configuration()
        configuration.busyMode = locks.mode
        configuration.maximumReaderCount = 8
        let pool = try DatabasePool(path: path, configuration: configuration)
        // Only now: GRDB sets NORMAL itself, by which a loss of power takes commits back.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return pool
    }

    /// Begins a session of the service.
    ///
    /// - Returns: its number, which no other session has, from 1.
    /// - Throws: `ServiceStateError`.
    package func beginSession(at time: Double) throws(ServiceStateError) -> Int {
        let number: Int = try write { database in
            try database.execute(
                sql: "INSERT INTO session (started_at) VALUES (?)", arguments: [time])
            let number = Int(database.lastInsertedRowID)
            guard StoredSession.numbers.contains(number) else {
                throw DatabaseError(
                    resultCode: .SQLITE_CORRUPT, message: "a session can't be number \(number)")
            }
            return number
        }
        // The name of the log that this session writes: SQLite tries that too, and ignores failure.
        do {
            try DurableWrite.synchronize(directory: directory)
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
        return number
    }

    /// What names the service to its workers, through all its sessions.
    package struct Identity: Sendable, Equatable {
        /// 16 random bytes.
        package var instance: [UInt8]
        /// 32 random bytes, which no worker learns.
        package var leaseKey: [UInt8]

        /// Names a service.
        package init(instance: [UInt8], leaseKey: [UInt8]) {
            self.instance = instance
            self.leaseKey = leaseKey
        }
    }

    /// The service's identity; made here if it has none yet.
    ///
    /// - Throws: `ServiceStateError`.
    package func identity(
        orNew make: @escaping @Sendable () -> Identity
    ) throws(ServiceStateError) -> Identity {
        try write { database in
            if let instance = try database.setting("instance"),
                let leaseKey = try database.setting("lease_key")
            {
                guard instance.count == 16, leaseKey.count == 32 else {
                    throw DatabaseError(
                        resultCode: .SQLITE_CORRUPT, message: "the service has another name")
                }
                return Identity(instance: instance, leaseKey: leaseKey)
            }
            let identity = make()
            try database.set("instance", identity.instance)
            try database.set("lease_key", identity.leaseKey)
            return identity
        }
    }

    /// Ties the directory to a model, for as long as batches of it have not ended.
    ///
    /// - Throws: `ServiceStateError.otherModel` if they are another model's.
    package func bind(to model: StoredModel) throws(ServiceStateError) {
        let digests = model.fingerprint.unet + model.fingerprint.textEncoder
        let other: String? = try write { database in
            let known = try database.setting("model")
            let open = try Int.fetchOne(
                database, sql: "SELECT COUNT(*) FROM batch WHERE status IS NULL")
            if let known, known != digests, open ?? 0 > 0 {
                return String(
                    decoding: try database.setting("model_name") ?? [], as: UTF8.self)
            }
            try database.set("model", digests)
            try database.set("model_name", Array(model.record.name.utf8))
            try database.add(model, hasBatches: known == nil || known == digests)
            return nil
        }
        if let other { throw .otherModel(path: directory, name: other) }
    }

    /// Writes on this thread, and waits for it.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) throws(ServiceStateError) -> Value {
        let result = Mutex<Value?>(nil)
        do {
            try committer.perform { database in
                let value = try body(database)
                result.withLock { $0 = value }
            }
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
        guard let value = result.withLock({ $0 }) else {
            preconditionFailure("a commit without a result")
        }
        return value
    }

    /// - Throws: `ServiceStateError`.
    func read<Value: Sendable>(
        _ body: (Database) throws -> Value
    ) throws(ServiceStateError) -> Value {
        do {
            return try pool.read(body)
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }
}
