// SPDX-License-Identifier: Apache-2.0

import GRDB
import GenerationTypes
import Glibc
import ServiceLedger

/// A look into a service's directory from another process, whether or not the service runs.
///
/// Nothing is changed, and nobody waits: what is read is the state after some commit.
package struct ServiceReader: Sendable {
    /// The directory.
    package let directory: String
    private let queue: DatabaseQueue

    /// Whether a directory is a service's.
    package static func isService(_ directory: String) -> Bool {
        access("\(directory)/\(ServiceStore.databaseName)", F_OK) == 0
    }

    /// Opens a service's directory to read.
    ///
    /// - Throws: `ServiceStateError`.
    package init(directory: String) throws(ServiceStateError) {
        self.directory = directory
        let path = "\(directory)/\(ServiceStore.databaseName)"
        guard access(path, R_OK) == 0 else {
            let code = errno
            throw code == ENOENT || code == ENOTDIR
                ? .noService(path: directory)
                : .unusable(path: path, reason: String(cString: strerror(code)))
        }
        do {
            try RunStore.refuseLinks(path)
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(10)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let found = try queue.read { try $0.layout() }
            if found == 0 { throw ServiceStateError.noService(path: directory) }
            guard found == ServiceStore.layout else {
                throw ServiceStateError.otherVersion(path: path, found: found)
            }
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }

    /// - Throws: `ServiceStateError`.
    func read<Value: Sendable>(
        _ body: (Database) throws -> Value
    ) throws(ServiceStateError) -> Value {
        do {
            return try queue.read(body)
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }

    /// Everything that is stored of a batch but its latents and pictures, at one moment.
    struct Batch: Sendable {
        var stored: StoredBatch
        var accepted: AcceptedBatch
        var images: [Int: StoredImage]
        var checkpoints: [ImageNumber: SamplingCheckpoint]
        var model: StoredModel?
    }

    /// Reads a batch.
    ///
    /// - Throws: `ServiceStateError`, `BatchExportError`.
    func batch(_ id: BatchID) throws -> Batch {
        let (found, isErased): (Batch?, Bool) = try read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT \(Database.batchColumns) FROM batch WHERE id = ?",
                arguments: [id.text])
            guard let row else { return (nil, false) }
            let erasedAt: Double? = try row.optional("erased_at")
            guard erasedAt == nil else { return (nil, true) }
            let accepted = try database.acceptedBatch(row)
            let images = accepted.images
            let batch = Batch(
                stored: try database.storedBatch(row), accepted: accepted,
                images: try database.storedImages(images),
                checkpoints: try database.checkpoints(
                    of: """
                        SELECT item FROM checkpoint
                        WHERE item >= \(images.lowerBound) AND item < \(images.upperBound)
                        """),
                model: try database.model(ofBatchAt: images.lowerBound))
            return (batch, false)
        }
        if isErased { throw BatchExportError.erased(id.text) }
        guard let found else { throw BatchExportError.unknown(id.text, state: directory) }
        return found
    }

    /// Whether a batch is kept.
    ///
    /// - Throws: `ServiceStateError`.
    func keeps(_ id: BatchID) throws(ServiceStateError) -> Bool {
        try read { database in
            try Bool.fetchOne(
                database,
                sql: "SELECT EXISTS (SELECT 1 FROM batch WHERE id = ? AND erased_at IS NULL)",
                arguments: [id.text]) ?? false
        }
    }
}
