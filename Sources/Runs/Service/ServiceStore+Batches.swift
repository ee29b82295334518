// SPDX-License-Identifier: Apache-2.0

import GRDB
package import GenerationTypes
package import ServiceLedger

/// A batch as the disk knows it.
package struct StoredBatch: Sendable {
    /// What was asked for.
    package var accepted: AcceptedBatch
    /// How it ended; `nil` until then.
    package var end: BatchEnd?
    /// Images with their pictures.
    package var finishedCount: Int
    /// Images that failed.
    package var failedCount: Int
}

/// What came of an image, as the disk knows it.
package struct StoredImage: Sendable, Equatable {
    /// Its result; `nil` while it has none.
    package var result: ImageResult?
    /// Its picture; `nil` while it has none.
    package var picture: StoredPicture?
    /// Its failed attempts, in order.
    package var failures: [FailedAttempt] = []
    /// Whether the last of them was final.
    package var hasFailed = false
}

/// What callers read; beside the writer, and never of what is not on the disk.
extension ServiceStore {
    /// Which batches a list shows.
    package struct Filter: Sendable {
        /// Whose; `nil` for everybody's.
        package var caller: CallerID?
        /// Only of this status.
        package var status: BatchStatus?
        /// Only those with a prompt that contains this.
        package var text: String?
        /// Only those that were accepted before this one.
        package var before: BatchID?
        /// How many, at most.
        package var countMax = 60

        /// All batches of a caller.
        package init(caller: CallerID?) { self.caller = caller }
    }

    /// Reads a batch.
    ///
    /// - Returns: `nil` if there is none, or if it is not kept.
    /// - Throws: `ServiceStateError`.
    package func batch(_ id: BatchID) throws(ServiceStateError) -> StoredBatch? {
        try read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM batch WHERE id = ? AND erased_at IS NULL",
                arguments: [id.text])
            return try row.map(database.storedBatch)
        }
    }

    /// Reads batches, the newest first.
    ///
    /// - Throws: `ServiceStateError`.
    package func batches(_ filter: Filter) throws(ServiceStateError) -> [StoredBatch] {
        try read { database in
            var conditions = ["erased_at IS NULL"]
            var arguments = StatementArguments()
            func add(_ condition: String, _ value: (any DatabaseValueConvertible)) {
                conditions.append(condition)
                arguments += [value]
            }
            if let caller = filter.caller { add("caller = ?", caller.text) }
            switch filter.status {
            case nil: break
            case .queued?, .generating?: conditions.append("status IS NULL")
            case let status?: add("status = ?", status.rawValue)
            }
            if let text = filter.text {
                add(
                    """
                    EXISTS (SELECT 1 FROM span WHERE span.first_image >= batch.first_image
                        AND span.first_image < batch.first_image + batch.image_count
                        AND instr(lower(prompt), lower(?)) > 0)
                    """, text)
            }
            if let before = filter.before {
                add("first_image < (SELECT first_image FROM batch WHERE id = ?)", before.text)
            }
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM batch WHERE \(conditions.joined(separator: " AND "))
                    ORDER BY first_image DESC LIMIT \(max(1, filter.countMax))
                    """, arguments: arguments
            ).map(database.storedBatch)
        }
    }

    /// Reads what came of the images of a batch, by their places in it; those of which nothing came
    /// yet are left out.
    ///
    /// - Throws: `ServiceStateError`.
    package func images(of batch: AcceptedBatch) throws(ServiceStateError) -> [Int: StoredImage] {
        try images(batch.images)
    }

    /// Reads what came of one image.
    ///
    /// - Throws: `ServiceStateError`.
    package func image(
        _ number: ImageNumber
    ) throws(ServiceStateError) -> StoredImage {
        try images(number.rawValue..<number.rawValue + 1)[0] ?? StoredImage()
    }

    private func images(_ range: Range<Int>) throws(ServiceStateError) -> [Int: StoredImage] {
        try read { database in
            var images: [Int: StoredImage] = [:]
            func rows(_ table: String, _ order: String) throws -> [Row] {
                try Row.fetchAll(
                    database,
                    sql: "SELECT * FROM \(table) WHERE item >= ? AND item < ? ORDER BY \(order)",
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
    }
}

extension Database {
    fileprivate func storedBatch(_ row: Row) throws -> StoredBatch {
        let accepted = try acceptedBatch(row)
        let images = accepted.images
        func count(_ sql: String) throws -> Int {
            try Int.fetchOne(
                self, sql: sql, arguments: [images.lowerBound, images.upperBound]) ?? 0
        }
        let status: String? = try row.optional("status")
        let end = try status.map { text in
            guard let status = BatchStatus(rawValue: text) else { throw row.damage("status") }
            return BatchEnd(
                status: status, startedAt: try row.optional("started_at"),
                endedAt: try row.value("ended_at"))
        }
        return StoredBatch(
            accepted: accepted, end: end,
            finishedCount: try count("SELECT COUNT(*) FROM picture WHERE item >= ? AND item < ?"),
            failedCount: try count(
                """
                SELECT COUNT(DISTINCT item) FROM failure WHERE item >= ? AND item < ?
                    AND is_final AND item NOT IN (SELECT item FROM picture)
                """))
    }
}
