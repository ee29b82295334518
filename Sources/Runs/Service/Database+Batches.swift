// SPDX-License-Identifier: Apache-2.0

import GRDB
import GenerationTypes
import Requests
import ServiceLedger

/// Batches in the tables of a service.
extension Database {
    /// What `storedBatch` reads.
    static let batchColumns = """
        batch.*, (SELECT substr(prompt, 1, \(StoredBatch.promptLengthMax)) FROM span
            WHERE span.first_image = batch.first_image) AS prompt
        """

    /// A batch without its requests.
    func storedBatch(_ row: Row) throws -> StoredBatch {
        let images = try imageRange(row)
        func count(_ sql: String) throws -> Int {
            try Int.fetchOne(
                cachedStatement(sql: sql), arguments: [images.lowerBound, images.upperBound]) ?? 0
        }
        let status: String? = try row.optional("status")
        let end = try status.map { _ in
            BatchEnd(
                status: try self.status(row), startedAt: try row.optional("started_at"),
                endedAt: try row.value("ended_at"))
        }
        return StoredBatch(
            id: BatchID(try row.value("id")), priority: try priority(row),
            origin: try origin(row), details: try details(row), prompt: try row.value("prompt"),
            images: images, acceptedAt: try row.value("accepted_at"), end: end,
            finishedCount: try count("SELECT COUNT(*) FROM picture WHERE item >= ? AND item < ?"),
            failedCount: try count(
                """
                SELECT COUNT(DISTINCT item) FROM failure WHERE item >= ? AND item < ?
                    AND is_final AND item NOT IN (SELECT item FROM picture)
                """), isPinned: try row.value("is_pinned"))
    }

    /// A batch as it was accepted.
    func acceptedBatch(_ row: Row) throws -> AcceptedBatch {
        let images = try imageRange(row)
        let spans = try spans(of: images, in: images).map(\.span)
        guard spans.reduce(0, { $0 + $1.count }) == images.count else {
            throw row.damage("image_count")
        }
        return AcceptedBatch(
            Submission(
                id: BatchID(try row.value("id")), caller: CallerID(try row.value("caller")),
                weight: try row.value("weight"), key: try row.optional("idempotency_key"),
                bodyDigest: try row.bytes("body_sha256"), priority: try priority(row),
                origin: try origin(row), spans: spans, details: try details(row)),
            firstImage: ImageNumber(images.lowerBound), acceptedAt: try row.value("accepted_at"))
    }

    /// The spans that images are in.
    ///
    /// - Parameters:
    ///   - images: numbers of images.
    ///   - batch: the numbers of all images of their batch.
    ///   - byteCountMax: when this much is read, the rest is left out; there is always one.
    func spans(
        of images: Range<Int>, in batch: Range<Int>, upTo byteCountMax: Int = .max
    ) throws -> [StoredPage.Span] {
        let rows = try Row.fetchCursor(
            cachedStatement(
                sql: """
                    SELECT * FROM span WHERE first_image < ? AND first_image >=
                        (SELECT MAX(first_image) FROM span WHERE first_image <= ?)
                    ORDER BY first_image
                    """), arguments: [images.upperBound, images.lowerBound])
        var spans: [StoredPage.Span] = []
        var byteCount = 0
        while byteCount < byteCountMax, let row = try rows.next() {
            let json: String = try row.value("request")
            byteCount += json.utf8.count
            spans.append(
                StoredPage.Span(
                    first: try row.number("first_image", in: batch) - batch.lowerBound,
                    span: ImageSpan(
                        first: try GenerationRequest(json: json),
                        count: try row.number("image_count", in: 1...batch.count))))
        }
        return spans
    }

    /// Outcomes of images, by their places in a range.
    func storedImages(_ range: Range<Int>) throws -> [Int: StoredImage] {
        var images: [Int: StoredImage] = [:]
        func rows(_ table: String, _ order: String) throws -> [Row] {
            try Row.fetchAll(
                cachedStatement(
                    sql: "SELECT * FROM \(table) WHERE item >= ? AND item < ? ORDER BY \(order)"),
                arguments: [range.lowerBound, range.upperBound])
        }
        let layout = RunStore.layout
        for row in try rows("result", "item") {
            let result = try ImageResult(row, of: range, layout: layout)
            let index = result.image.rawValue - range.lowerBound
            images[index, default: StoredImage()].result = result
        }
        for row in try rows("picture", "item") {
            let picture = try StoredPicture(row, of: range)
            let index = picture.image.rawValue - range.lowerBound
            images[index, default: StoredImage()].picture = picture
        }
        for row in try rows("failure", "number") {
            let index = try row.number("item", in: range) - range.lowerBound
            images[index, default: StoredImage()].failures.append(try FailedAttempt(row))
            if try row.value("is_final") { images[index]?.hasFailed = true }
        }
        return images
    }

    /// The numbers of a batch's images.
    private func imageRange(_ row: Row) throws -> Range<Int> {
        let first = try row.number("first_image", in: 0...)
        return first..<first + (try row.number("image_count", in: 1...))
    }

    private func priority(_ row: Row) throws -> BatchPriority {
        let text: String = try row.value("priority")
        guard let priority = BatchPriority(rawValue: text) else { throw row.damage("priority") }
        return priority
    }

    /// How a batch ended.
    func status(_ row: Row) throws -> BatchStatus {
        let text: String = try row.value("status")
        guard let status = BatchStatus(rawValue: text) else { throw row.damage("status") }
        return status
    }

    /// How a batch came.
    func origin(_ row: Row) throws -> BatchOrigin {
        let text: String = try row.value("origin")
        guard let origin = BatchOrigin(rawValue: text) else { throw row.damage("origin") }
        return origin
    }

    private func details(_ row: Row) throws -> BatchDetails {
        let warnings: String = try row.value("warnings")
        return BatchDetails(
            note: try row.optional("note"),
            warnings: try JSONText.decode([String].self, from: warnings.utf8))
    }
}
