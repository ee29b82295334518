// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB
package import GenerationTypes

/// Everything that is known of a run.
package struct StoredHistory: Sendable {
    /// The run as a whole.
    package var run: StoredRun
    /// One per image, in order.
    package var requests: [GenerationRequest]
    /// All lives so far.
    package var lives: [StoredLife]
    /// Results by image.
    package var results: [Int: StoredResult]
    /// Pictures by image.
    package var pictures: [Int: StoredPicture]
    /// Failed attempts by image, in the order they were booked.
    package var failures: [Int: [StoredFailure]]

    /// Images that have no outcome yet.
    package var openItems: [Int] {
        requests.indices.filter { results[$0] == nil && !hasFailed($0) }
    }

    /// Images with latents but no picture.
    package var undecodedItems: [Int] {
        requests.indices.filter { results[$0] != nil && pictures[$0] == nil }
    }

    /// Whether an image was given up.
    package func hasFailed(_ item: Int) -> Bool {
        results[item] == nil && failures[item]?.contains(where: \.isFinal) ?? false
    }
}

extension RunStore {
    /// Reads everything but the latents and the checkpoints.
    ///
    /// - Throws: `RunStoreError`.
    package func history() throws -> StoredHistory {
        try read { database in
            let decoder = JSONDecoder()
            func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
                try decoder.decode(type, from: Data(text.utf8))
            }
            guard let facts = try String.fetchOne(database, sql: "SELECT facts FROM run") else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "it names no run")
            }
            let requests = try String.fetchAll(
                database, sql: "SELECT request FROM image ORDER BY item")
            var history = StoredHistory(
                run: try decode(StoredRun.self, facts),
                requests: try requests.map { try decode(GenerationRequest.self, $0) },
                lives: try Row.fetchAll(database, sql: "SELECT * FROM life ORDER BY number")
                    .map(StoredLife.init),
                results: [:], pictures: [:], failures: [:])
            for row in try Row.fetchAll(database, sql: "SELECT * FROM result") {
                let result = StoredResult(
                    row, tokenMerging: try decode(TokenMergeStatistics.self, row["token_merging"]))
                history.results[result.item] = result
            }
            for row in try Row.fetchAll(database, sql: "SELECT * FROM picture") {
                let picture = StoredPicture(
                    item: row["item"], file: row["file"], latentsFile: row["latents_file"],
                    decodeSeconds: row["decode_seconds"],
                    workerDecodeClass: row["worker_decode_class"])
                history.pictures[picture.item] = picture
            }
            for row in try Row.fetchAll(database, sql: "SELECT * FROM failure ORDER BY number") {
                let failure = StoredFailure(
                    item: row["item"], worker: row["worker"], attempt: row["attempt"],
                    reason: row["reason"], isFinal: row["is_final"])
                history.failures[failure.item, default: []].append(failure)
            }
            return history
        }
    }

    /// Reads how far images without an outcome were.
    ///
    /// - Throws: `RunStoreError`.
    package func checkpoints() throws -> [Int: SamplingCheckpoint] {
        try read { database in
            var checkpoints: [Int: SamplingCheckpoint] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT * FROM checkpoint") {
                let bytes: Data = row["bytes"]
                checkpoints[row["item"]] = SamplingCheckpoint(
                    step: row["step"], kernelClass: row["kernel_class"], bytes: Array(bytes))
            }
            return checkpoints
        }
    }
}

extension StoredLife {
    fileprivate init(_ row: Row) {
        self.init(number: row["number"], startedAt: row["started_at"])
        finishedAt = row["finished_at"]
        traffic.sent = row["sent"]
        traffic.received = row["received"]
        traffic.latents = row["latents"]
        traffic.compressedLatents = row["compressed_latents"]
    }
}

extension StoredResult {
    fileprivate init(_ row: Row, tokenMerging: TokenMergeStatistics) {
        let digest: Data = row["sha256"]
        self.init(
            item: row["item"], worker: row["worker"], kernelClass: row["kernel_class"],
            attempt: row["attempt"], resumedStep: row["resumed_step"],
            timings: GenerationTimings(
                textEncodingSeconds: row["text_seconds"],
                samplingSeconds: row["sampling_seconds"]),
            tokenMerging: tokenMerging, channels: row["channels"], height: row["height"],
            width: row["width"], sha256: Array(digest))
    }
}
