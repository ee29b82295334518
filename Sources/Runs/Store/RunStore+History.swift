// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
package import GenerationTypes
import Glibc
import Requests

/// What was stored.
extension RunStore {
    /// Reads everything but the latents and the checkpoints.
    ///
    /// - Throws: `RunError`.
    package func history() throws -> StoredHistory {
        try read { try StoredHistory($0) }
    }

    /// Reads the database of a directory without opening its run: nothing there is changed, and
    /// nobody waits.
    ///
    /// To be called where no other process holds the directory.
    ///
    /// - Parameter prefersSuccessor: as for `open`.
    /// - Returns: `nil` if no run was accepted there.
    /// - Throws: `RunError`.
    package static func peek(
        directory: String, prefersSuccessor: Bool = false
    ) throws -> StoredHistory? {
        let names = [RunFileName.database, RunFileName.successor]
        for name in prefersSuccessor ? names.reversed() : names {
            if let history = try peek(name, in: directory) { return history }
        }
        return nil
    }

    /// The run that this one is to replace; `nil` if there is none.
    ///
    /// - Throws: `RunError`.
    package func peekAtEarlier() throws -> StoredHistory? {
        isSuccessor ? try Self.peek(RunFileName.database, in: directory) : nil
    }

    private static func peek(_ name: String, in directory: String) throws -> StoredHistory? {
        let path = "\(directory)/\(name)"
        guard access(path, F_OK) == 0 else { return nil }
        do {
            try refuseLinks(path)
            let copy = try DatabaseCopy(of: path)
            return try withExtendedLifetime(copy) {
                try DatabaseQueue(path: copy.path).read {
                    try $0.knownLayout(path) == 0 ? nil : StoredHistory($0)
                }
            }
        } catch {
            throw RunError(error, path: path)
        }
    }

    /// Reads the newest checkpoints of images without an outcome; damaged ones are left out, which
    /// costs steps and no image.
    ///
    /// - Throws: `RunError`.
    package func checkpoints() throws -> [ImageNumber: SamplingCheckpoint] {
        try read { try $0.checkpoints(of: "SELECT item FROM image") }
    }
}

extension Database {
    /// The checkpoints of the images that a query names; damaged ones are left out.
    func checkpoints(of images: String) throws -> [ImageNumber: SamplingCheckpoint] {
        let rows = try Row.fetchAll(
            self, sql: "SELECT * FROM checkpoint WHERE item IN (\(images))")
        var checkpoints: [ImageNumber: SamplingCheckpoint] = [:]
        for row in rows {
            guard let item: Int = try? row.value("item"),
                let step = try? row.number("step", in: 1...Int(Int32.max)),
                let kernelClass: String = try? row.value("kernel_class"),
                let bytes: Data = try? row.value("bytes")
            else { continue }
            checkpoints[ImageNumber(item)] = SamplingCheckpoint(
                step: step, kernelClass: kernelClass, bytes: Array(bytes))
        }
        return checkpoints
    }
}

extension StoredHistory {
    fileprivate init(_ database: Database) throws {
        let runs = try Row.fetchAll(database, sql: "SELECT facts FROM run")
        guard let first = runs.first else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "it names no run")
        }
        run = try first.decoded("facts", as: StoredRun.self)
        guard run.isWhole else { throw first.damage("facts") }
        let layout = try database.layout()
        let images = try Row.fetchAll(database, sql: "SELECT * FROM image ORDER BY item")
        requests = try images.enumerated().map { index, row in
            _ = try row.number("item", in: index...index)
            return try row.request(layout: layout)
        }
        if layout > 2 { try database.checkSeal() }
        sessions = try Row.fetchAll(database, sql: "SELECT * FROM life ORDER BY number")
            .map(StoredSession.init)
        (results, pictures, failures, finalFailures) = ([:], [:], [:], [])
        let items = requests.indices
        for row in try Row.fetchAll(database, sql: "SELECT * FROM result") {
            let result = try ImageResult(row, of: items, layout: layout)
            results[result.image] = result
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM picture") {
            let picture = try StoredPicture(row, of: items)
            pictures[picture.image] = picture
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM failure ORDER BY number") {
            let image = ImageNumber(try row.number("item", in: items))
            failures[image, default: []].append(try FailedAttempt(row))
            if try row.value("is_final") { finalFailures.insert(image) }
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

    fileprivate func request(layout: Int) throws -> GenerationRequest {
        let json: String = try value("request")
        do {
            return layout < RunStore.layout
                ? try EarlierLayout.request(json) : try GenerationRequest(json: json)
        } catch let error as UnknownRequestKeyError {
            throw error
        } catch {
            throw damage("request")
        }
    }

    fileprivate func tokenMerging(layout: Int) throws -> TokenMergeStatistics {
        guard layout < RunStore.layout else {
            return try decoded("token_merging", as: TokenMergeStatistics.self)
        }
        let json: String = try value("token_merging")
        do {
            return try EarlierLayout.tokenMerging(json)
        } catch {
            throw damage("token_merging")
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

extension StoredSession {
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

extension ImageResult {
    /// No side of latents is near this.
    private static let sides = 1...(1 << 16)

    init(_ row: Row, of items: Range<Int>, layout: Int) throws {
        let digest = try row.bytes("sha256")
        guard digest.count == 32 else { throw row.damage("sha256") }
        self.init(
            image: ImageNumber(try row.number("item", in: items)),
            worker: try row.value("worker"), kernelClass: try row.value("kernel_class"),
            attempt: try row.number("attempt", in: 0...),
            facts: SampledImage.Facts(
                channels: try row.number("channels", in: Self.sides),
                height: try row.number("height", in: Self.sides),
                width: try row.number("width", in: Self.sides), sha256: digest,
                timings: GenerationTimings(
                    textEncodingSeconds: try row.seconds("text_seconds"),
                    samplingSeconds: try row.seconds("sampling_seconds")),
                tokenMerging: try row.tokenMerging(layout: layout),
                resumedStep: try row.number("resumed_step", in: 0...)))
    }
}

extension StoredPicture {
    init(_ row: Row, of items: Range<Int>) throws {
        self.init(
            image: ImageNumber(try row.number("item", in: items)), file: try row.value("file"),
            latentsFile: try row.optional("latents_file"),
            decodeSeconds: try row.seconds("decode_seconds"),
            decodeClass: row.hasColumn("decode_class") ? try row.optional("decode_class") : nil,
            workerDecodeClass: try row.optional("worker_decode_class"))
    }
}

extension FailedAttempt {
    init(_ row: Row) throws {
        self.init(
            worker: try row.value("worker"), attempt: try row.number("attempt", in: 0...),
            reason: try row.value("reason"))
    }
}
