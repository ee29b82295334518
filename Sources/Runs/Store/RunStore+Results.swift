// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
package import GenerationTypes
import Requests

/// What changes images.
extension RunStore {
    /// Writes the latents of a result; they count when the result is committed.
    ///
    /// May be called on several threads at once.
    ///
    /// - Throws: `RunError`.
    package func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws {
        try guarded { try archive.write(latents, sha256: sha256) }
    }

    /// Stores results, whose latents are written, and failures, all of them or none.
    ///
    /// - Throws: `RunError`.
    package func commit(_ entries: [RunEntry]) throws {
        let hasResult = entries.contains { if case .result = $0 { true } else { false } }
        if hasResult { try guarded { try archive.synchronize() } }
        try write { database in
            for entry in entries {
                switch entry {
                case .result(let result): try database.insert(result)
                case .failure(let image, let failure, let isFinal):
                    try database.insert(failure, of: image, isFinal: isFinal)
                case .forgotten(let image): try database.forgetResult(of: image)
                }
            }
        }
    }

    /// Records a picture that was written.
    ///
    /// - Throws: `RunError`.
    package func record(_ picture: StoredPicture) throws {
        try write { database in
            try database.insert(picture)
        }
    }

    /// Makes failed images pending again: their failures no longer count, and latents that could
    /// not be decoded are sampled again.
    ///
    /// - Throws: `RunError`.
    package func reopenFailures() throws {
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM result WHERE item NOT IN (SELECT item FROM picture)
                        AND item IN (SELECT item FROM failure WHERE is_final);
                    UPDATE failure SET is_final = 0;
                    """)
        }
    }

    /// Forgets a picture that is gone.
    ///
    /// - Throws: `RunError`.
    package func forgetPicture(of image: ImageNumber) throws {
        try write { database in
            try database.execute(
                sql: "DELETE FROM picture WHERE item = ?", arguments: [image.rawValue])
        }
    }

    /// Makes an image pending again whose latents are gone.
    ///
    /// - Throws: `RunError`.
    package func forgetResult(of image: ImageNumber) throws {
        try write { try $0.forgetResult(of: image) }
    }

    /// Removes latents that no result names: of a run that was replaced, of results not committed.
    ///
    /// Nothing is removed while two runs share the archive.
    /// Nobody may write latents meanwhile.
    ///
    /// - Throws: `RunError`.
    package func removeUnnamedLatents() throws {
        guard !isSuccessor, !hasSuccessor else { return }
        let named = try read { database in
            try Row.fetchAll(database, sql: "SELECT sha256 FROM result")
                .map { try $0.bytes("sha256") }
        }
        try archive.remove(except: Set(named))
    }

    /// Keeps the newest checkpoint of an image, in place of an earlier one.
    ///
    /// - Throws: `RunError`.
    package func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        try write { database in
            try database.insert(checkpoint, of: image)
        }
    }
}

extension Database {
    func insert(_ picture: StoredPicture) throws {
        try execute(
            sql: """
                INSERT OR REPLACE INTO picture (item, file, latents_file, decode_seconds,
                    decode_class, worker_decode_class) VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                picture.image.rawValue, picture.file, picture.latentsFile, picture.decodeSeconds,
                picture.decodeClass, picture.workerDecodeClass,
            ])
        // What could not be decoded before can be now.
        try execute(
            sql: "UPDATE failure SET is_final = 0 WHERE item = ?",
            arguments: [picture.image.rawValue])
    }

    func insert(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        try execute(
            sql: """
                INSERT OR REPLACE INTO checkpoint
                SELECT ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM result WHERE item = ?)
                """,
            arguments: [
                image.rawValue, checkpoint.step, checkpoint.kernelClass,
                Data(checkpoint.bytes), image.rawValue,
            ])
    }

    func insert(_ result: ImageResult) throws {
        let facts = result.facts
        let merging = try JSONText.line(facts.tokenMerging)
        try execute(
            sql: "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                result.image.rawValue, result.worker, result.kernelClass, result.attempt,
                facts.resumedStep,
                facts.timings.textEncodingSeconds, facts.timings.samplingSeconds, merging,
                facts.channels, facts.height, facts.width, Data(facts.sha256),
            ])
        try forgetCheckpoint(of: result.image)
    }

    func insert(
        _ failure: FailedAttempt, of image: ImageNumber, isFinal: Bool
    ) throws {
        try execute(
            sql: """
                INSERT INTO failure (item, worker, attempt, reason, is_final)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [
                image.rawValue, failure.worker, failure.attempt, failure.reason, isFinal,
            ])
        if isFinal { try forgetCheckpoint(of: image) }
    }

    private func forgetCheckpoint(of image: ImageNumber) throws {
        try execute(sql: "DELETE FROM checkpoint WHERE item = ?", arguments: [image.rawValue])
    }

    func forgetResult(of image: ImageNumber) throws {
        for table in ["picture", "result"] {
            try execute(
                sql: "DELETE FROM \(table) WHERE item = ?", arguments: [image.rawValue])
        }
    }
}
