// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
package import GenerationTypes
import Requests
package import ServiceLedger

/// What changes the ledger's part of the disk.
extension ServiceStore {
    /// Commits changes of the ledger, all of them or none.
    ///
    /// - Parameter completion: called on the committer's thread when they are on the disk, in the
    ///   order of the calls, or with what went wrong: nothing is written after that.
    package func commit(
        _ changes: [LedgerChange],
        completion: @escaping @Sendable (ServiceStateError?) -> Void
    ) {
        committer.submit { database in
            for change in changes { try database.apply(change) }
        } completion: { [directory] error in
            completion(error.map { ServiceStateError($0, directory: directory) })
        }
    }

    /// Records a picture that was written; it is removed if its batch is not kept any more.
    ///
    /// - Parameters:
    ///   - byteCount: the size of its file.
    ///   - completion: called on the committer's thread when it is on the disk.
    package func record(
        _ picture: StoredPicture, byteCount: Int, of batch: BatchID,
        completion: @escaping @Sendable (ServiceStateError?) -> Void
    ) {
        committer.submit { [self] database in
            guard try database.keeps(picture.image) else {
                // The files of the batch were removed while this one was written.
                return removePictures(of: batch)
            }
            try database.insert(picture)
            try database.execute(
                sql: "UPDATE picture SET byte_count = ? WHERE item = ?",
                arguments: [byteCount, picture.image.rawValue])
        } completion: { [directory] error in
            completion(error.map { ServiceStateError($0, directory: directory) })
        }
    }
}

extension ServiceStore: RunStoring {
    package func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws {
        arriving.add(sha256)
        try committer.guarded { try archive.write(latents, sha256: sha256) }
    }

    package func commit(_ entries: [RunEntry]) throws {
        let hasResult = entries.contains { if case .result = $0 { true } else { false } }
        if hasResult { try committer.guarded { try archive.synchronize() } }
        let hasDropped = try write { database in
            var hasDropped = false
            for entry in entries {
                guard try database.keeps(entry.image) else {
                    if case .result(let result) = entry {
                        try database.noteUnneeded(result.facts.sha256)
                        hasDropped = true
                    }
                    continue
                }
                switch entry {
                case .result(let result): try database.insert(result)
                case .failure(let image, let failure, let isFinal):
                    try database.insert(failure, of: image, isFinal: isFinal)
                case .forgotten(let image): try database.forgetResult(of: image)
                }
            }
            return hasDropped
        }
        for case .result(let result) in entries { arriving.remove(result.facts.sha256) }
        if hasDropped { try removeUnneeded() }
    }

    package func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        try write { database in
            guard try database.keeps(image) else { return }
            try database.insert(checkpoint, of: image)
        }
    }
}

extension Database {
    /// Whether an image's batch is kept; what comes of others is dropped.
    fileprivate func keeps(_ image: ImageNumber) throws -> Bool {
        let row = try Row.fetchOne(
            self,
            sql: """
                SELECT first_image + image_count AS end, erased_at FROM batch
                WHERE first_image <= ? ORDER BY first_image DESC LIMIT 1
                """, arguments: [image.rawValue])
        guard let row else { return false }
        let end: Int = try row.value("end")
        let erasedAt: Double? = try row.optional("erased_at")
        return image.rawValue < end && erasedAt == nil
    }

    /// Notes latents that are removed unless a result names them.
    fileprivate func noteUnneeded(_ sha256: [UInt8]) throws {
        try execute(
            sql: "INSERT OR IGNORE INTO unneeded (sha256) VALUES (?)", arguments: [Data(sha256)])
    }

    fileprivate func apply(_ change: LedgerChange) throws {
        switch change {
        case .accept(let batch): try accept(batch)
        case .end(let id, let end):
            try execute(
                sql: "UPDATE batch SET status = ?, started_at = ?, ended_at = ? WHERE id = ?",
                arguments: [end.status.rawValue, end.startedAt, end.endedAt, id.text])
            try forgetCheckpoints(of: id)
        case .erase(let id, let time): try erase(id, at: time)
        case .pin(let id, let isPinned):
            try execute(
                sql: "UPDATE batch SET is_pinned = ? WHERE id = ?", arguments: [isPinned, id.text])
        case .releaseKey(let id):
            try execute(
                sql: "UPDATE batch SET idempotency_key = NULL WHERE id = ?", arguments: [id.text])
        case .forget(let id):
            try execute(sql: "DELETE FROM batch WHERE id = ?", arguments: [id.text])
        }
    }

    private func accept(_ batch: AcceptedBatch) throws {
        let submission = batch.submission
        try execute(
            sql: """
                INSERT INTO batch (first_image, image_count, id, caller, weight, idempotency_key,
                    body_sha256, priority, origin, note, warnings, accepted_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                batch.firstImage.rawValue, batch.imageCount, batch.id.text, batch.caller.text,
                submission.weight, submission.key, Data(submission.bodyDigest),
                submission.priority.rawValue, submission.origin.rawValue, submission.details.note,
                try JSONText.line(submission.details.warnings), batch.acceptedAt,
            ])
        let insert = try makeStatement(
            sql: "INSERT INTO span (first_image, image_count, prompt, request) VALUES (?, ?, ?, ?)")
        var first = batch.firstImage.rawValue
        for span in submission.spans {
            try insert.execute(
                arguments: [first, span.count, span.first.prompt, span.first.json])
            first += span.count
        }
        // Numbers are not used twice, even of batches that are forgotten.
        try set("next_image", withUnsafeBytes(of: Int64(first).littleEndian) { Array($0) })
    }

    private func images(of id: BatchID) throws -> Range<Int>? {
        let row = try Row.fetchOne(
            self, sql: "SELECT first_image, image_count FROM batch WHERE id = ?",
            arguments: [id.text])
        guard let row else { return nil }
        let first = try row.number("first_image", in: 0...)
        return first..<first + (try row.number("image_count", in: 1...))
    }

    private func forgetCheckpoints(of id: BatchID) throws {
        guard let images = try images(of: id) else { return }
        try execute(
            sql: "DELETE FROM checkpoint WHERE item >= ? AND item < ?",
            arguments: [images.lowerBound, images.upperBound])
    }

    private func erase(_ id: BatchID, at time: Double) throws {
        guard let images = try images(of: id) else { return }
        try execute(
            sql: """
                INSERT OR IGNORE INTO unneeded
                SELECT sha256 FROM result WHERE item >= ? AND item < ?
                """, arguments: [images.lowerBound, images.upperBound])
        for table in ["result", "picture", "failure", "checkpoint"] {
            try execute(
                sql: "DELETE FROM \(table) WHERE item >= ? AND item < ?",
                arguments: [images.lowerBound, images.upperBound])
        }
        try execute(
            sql: "DELETE FROM span WHERE first_image >= ? AND first_image < ?",
            arguments: [images.lowerBound, images.upperBound])
        try execute(
            sql: """
                UPDATE batch SET erased_at = ?, note = NULL, warnings = '[]', is_pinned = 0
                WHERE id = ?
                """, arguments: [time, id.text])
    }
}
