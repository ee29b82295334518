// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
package import GenerationTypes
import Glibc
import Requests
package import ServiceLedger

/// What a service finds when it starts.
extension ServiceStore {
    /// Reads the ledger.
    ///
    /// - Throws: `ServiceStateError`.
    package func storedLedger() throws(ServiceStateError) -> StoredLedger {
        try read { database in
            var stored = StoredLedger(nextImage: ImageNumber(try database.nextImage()))
            for row in try Row.fetchAll(
                database,
                sql: """
                    SELECT *, \(Database.byteCountColumn) FROM batch WHERE status IS NOT NULL
                    ORDER BY ended_at, first_image
                    """)
            {
                stored.ended.append(
                    EndedBatch(
                        id: BatchID(try row.value("id")), caller: CallerID(try row.value("caller")),
                        key: try row.optional("idempotency_key"),
                        bodyDigest: try row.bytes("body_sha256"),
                        status: try database.status(row),
                        endedAt: try row.value("ended_at"), erasedAt: try row.optional("erased_at"),
                        origin: try database.origin(row), byteCount: try row.value("byte_count"),
                        isPinned: try row.value("is_pinned")))
            }
            for row in try Row.fetchAll(
                database,
                sql: """
                    SELECT *, \(Database.byteCountColumn) FROM batch WHERE status IS NULL
                    ORDER BY first_image
                    """)
            {
                stored.live.append(try database.liveBatch(row))
            }
            return stored
        }
    }

    /// Reads the newest checkpoints; damaged ones are left out, which costs steps and no image.
    ///
    /// - Throws: `ServiceStateError`.
    package func checkpoints() throws(ServiceStateError) -> [ImageNumber: SamplingCheckpoint] {
        try read { try $0.checkpoints(of: "SELECT item FROM checkpoint") }
    }

    /// Removes latents whose results were not committed, and pictures of batches that are not kept.
    ///
    /// Nobody may write meanwhile.
    ///
    /// - Throws: `ServiceStateError`.
    package func removeStrays() throws(ServiceStateError) {
        let (latents, batches) = try read { database in
            (
                try Row.fetchAll(database, sql: "SELECT DISTINCT sha256 FROM result")
                    .map { try $0.bytes("sha256") },
                try String.fetchSet(database, sql: "SELECT id FROM batch WHERE erased_at IS NULL")
            )
        }
        do {
            try archive.remove(except: Set(latents))
            let folder = "\(directory)/\(Self.picturesName)"
            for name in try FileManager.default.contentsOfDirectory(atPath: folder)
            where !batches.contains(name) {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }

    /// Removes the pictures of a batch that is not kept, and latents that nothing names any more.
    ///
    /// What stays after an error is removed at the next start.
    ///
    /// - Throws: `ServiceStateError`.
    package func removeFiles(of batch: BatchID) throws(ServiceStateError) {
        removePictures(of: batch)
        try removeUnneeded()
    }

    /// Removes the pictures of a batch that is not kept.
    ///
    /// The folder loses its name first: a picture that is being written finds none, instead of one
    /// whose files vanish.
    func removePictures(of batch: BatchID) {
        let folder = "\(directory)/\(Self.picturesName)"
        let leaving = "\(folder)/\(TemporaryFileName.random(for: batch.text))"
        guard rename(pictureFolder(of: batch), leaving) == 0 else { return }
        try? FileManager.default.removeItem(atPath: leaving)
    }

    /// Removes latents that were needed once.
    func removeUnneeded() throws(ServiceStateError) {
        // On the committer's thread: no result of these latents is being committed meanwhile.
        try write { [archive, arriving] database in
            let unneeded = try Row.fetchAll(
                database,
                sql: """
                    SELECT sha256 FROM unneeded WHERE sha256 NOT IN (SELECT sha256 FROM result)
                    """
            ).map { try $0.bytes("sha256") }
            for sha256 in unneeded {
                arriving.unlessAdded(sha256) { archive.remove(sha256) }
            }
            try database.execute(sql: "DELETE FROM unneeded")
        }
    }
}

extension Database {
    /// The pictures of a batch and the latents of these, in bytes.
    fileprivate static let byteCountColumn = """
        (SELECT COALESCE(SUM(byte_count + 4 * channels * height * width), 0)
            FROM picture JOIN result USING (item)
            WHERE item >= batch.first_image AND item < batch.first_image + batch.image_count)
        AS byte_count
        """

    fileprivate func liveBatch(_ row: Row) throws -> StoredLiveBatch {
        var live = StoredLiveBatch(accepted: try acceptedBatch(row))
        live.byteCount = try row.value("byte_count")
        live.isPinned = try row.value("is_pinned")
        let images = live.accepted.images
        func items(_ sql: String) throws -> Set<Int> {
            let found = try Int.fetchAll(
                self, sql: sql, arguments: [images.lowerBound, images.upperBound])
            return Set(found.map { $0 - images.lowerBound })
        }
        live.finished = try items("SELECT item FROM picture WHERE item >= ? AND item < ?")
        live.failed = try items(
            "SELECT item FROM failure WHERE item >= ? AND item < ? AND is_final"
        ).subtracting(live.finished)
        live.sampled = try items("SELECT item FROM result WHERE item >= ? AND item < ?")
            .subtracting(live.finished).subtracting(live.failed)
        return live
    }
}
