// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import GRDB
package import GenerationTypes

/// What was booked.
extension RunStore {
    /// Reads everything but the latents and the checkpoints.
    ///
    /// - Throws: `RunStoreError`.
    package func history() throws -> StoredHistory {
        try read { database in
            let runs = try Row.fetchAll(database, sql: "SELECT facts FROM run")
            guard let first = runs.first else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "it names no run")
            }
            let run = try first.decoded("facts", as: StoredRun.self)
            guard run.isWhole else { throw first.damage("facts") }
            let images = try Row.fetchAll(database, sql: "SELECT * FROM image ORDER BY item")
            let requests = try images.enumerated().map { index, row in
                _ = try row.number("item", in: index...index)
                return try row.decoded("request", as: GenerationRequest.self)
            }
            var history = StoredHistory(
                run: run, requests: requests,
                lives: try Row.fetchAll(database, sql: "SELECT * FROM life ORDER BY number")
                    .map(StoredLife.init),
                results: [:], pictures: [:], failures: [:])
            let items = requests.indices
            for row in try Row.fetchAll(database, sql: "SELECT * FROM result") {
                let result = try StoredResult(row, of: items)
                history.results[result.item] = result
            }
            for row in try Row.fetchAll(database, sql: "SELECT * FROM picture") {
                let picture = try StoredPicture(row, of: items)
                history.pictures[picture.item] = picture
            }
            for row in try Row.fetchAll(database, sql: "SELECT * FROM failure ORDER BY number") {
                let failure = try StoredFailure(row, of: items)
                history.failures[failure.item, default: []].append(failure)
            }
            return history
        }
    }

    /// Reads how far images without an outcome were; what is damaged is left out, for it costs
    /// steps and no image.
    ///
    /// - Throws: `RunStoreError`.
    package func checkpoints() throws -> [Int: SamplingCheckpoint] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT * FROM checkpoint WHERE item IN (SELECT item FROM image)")
            var checkpoints: [Int: SamplingCheckpoint] = [:]
            for row in rows {
                guard let item: Int = try? row.value("item"),
                    let step = try? row.number("step", in: 1...Int(Int32.max)),
                    let kernelClass: String = try? row.value("kernel_class"),
                    let bytes: Data = try? row.value("bytes")
                else { continue }
                checkpoints[item] = SamplingCheckpoint(
                    step: step, kernelClass: kernelClass, bytes: Array(bytes))
            }
            return checkpoints
        }
    }
}

extension Row {
    fileprivate func decoded<Value: Decodable>(
        _ column: String, as type: Value.Type
    ) throws -> Value {
        let text: String = try value(column)
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw damage(column)
        }
    }
}

extension StoredRun {
    /// Whether names and digests have the lengths that they must have.
    fileprivate var isWhole: Bool {
        instance.count == 16 && leaseKey?.count ?? 32 == 32
            && [model.unet, model.textEncoder, model.vae].allSatisfy { $0.count == 32 }
    }
}

extension StoredLife {
    fileprivate init(_ row: Row) throws {
        self.init(
            number: try row.number("number", in: Self.numbers),
            startedAt: try row.seconds("started_at"))
        finishedAt = try row.optional("finished_at")
        traffic.sent = try row.number("sent", in: 0...)
        traffic.received = try row.number("received", in: 0...)
        traffic.latents = try row.number("latents", in: 0...)
        traffic.compressedLatents = try row.number("compressed_latents", in: 0...)
    }
}

extension StoredResult {
    /// No side of latents is near this.
    private static let sides = 1...(1 << 16)

    fileprivate init(_ row: Row, of items: Range<Int>) throws {
        let digest: Data = try row.value("sha256")
        guard digest.count == 32 else { throw row.damage("sha256") }
        self.init(
            item: try row.number("item", in: items), worker: try row.value("worker"),
            kernelClass: try row.value("kernel_class"),
            attempt: try row.number("attempt", in: 0...),
            resumedStep: try row.number("resumed_step", in: 0...),
            timings: GenerationTimings(
                textEncodingSeconds: try row.seconds("text_seconds"),
                samplingSeconds: try row.seconds("sampling_seconds")),
            tokenMerging: try row.decoded("token_merging", as: TokenMergeStatistics.self),
            channels: try row.number("channels", in: Self.sides),
            height: try row.number("height", in: Self.sides),
            width: try row.number("width", in: Self.sides), sha256: Array(digest))
    }
}

extension StoredPicture {
    fileprivate init(_ row: Row, of items: Range<Int>) throws {
        self.init(
            item: try row.number("item", in: items), file: try row.value("file"),
            latentsFile: try row.optional("latents_file"),
            decodeSeconds: try row.seconds("decode_seconds"),
            workerDecodeClass: try row.optional("worker_decode_class"))
    }
}

extension StoredFailure {
    fileprivate init(_ row: Row, of items: Range<Int>) throws {
        self.init(
            item: try row.number("item", in: items), worker: try row.value("worker"),
            attempt: try row.number("attempt", in: 0...), reason: try row.value("reason"),
            isFinal: try row.value("is_final"))
    }
}
