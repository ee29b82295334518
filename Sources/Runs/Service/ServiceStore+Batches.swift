// SPDX-License-Identifier: Apache-2.0

import GRDB
package import GenerationTypes
package import ServiceLedger

/// What callers read; beside the writer, and never of what is not on the disk.
extension ServiceStore {
    /// Requests of a page, in bytes of their JSON; one may have more.
    private static let pageByteCountMax = 1 << 20

    /// Which batches a list shows.
    package struct Filter: Sendable {
        /// Whose; `nil` for everybody's.
        package var caller: CallerID?
        /// Only of this status.
        package var status: BatchStatus?
        /// First images of the batches that have begun: the disk knows only which have ended.
        package var begun: [ImageNumber] = []
        /// Only those with a prompt that contains this.
        package var text: String?
        /// Only those with an image that merges tokens by this method.
        package var mergeMethod: String?
        /// Only those whose first image is in one of these ranges.
        package var firstImages: [Range<Int>]?
        /// Only those that were accepted before this one.
        package var before: BatchID?
        /// Only these.
        package var ids: [BatchID]?
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
        try read { try $0.row(of: id, Database.batchColumns).map($0.storedBatch) }
    }

    /// Reads images of a batch.
    ///
    /// - Parameters:
    ///   - from: the first one, by its place in the batch.
    ///   - countMax: how many, at most; fewer where their prompts are long, and at least one of
    ///     those that there are.
    /// - Returns: `nil` if there is no such batch, or if it is not kept.
    /// - Throws: `ServiceStateError`.
    package func page(
        of id: BatchID, from: Int, countMax: Int
    ) throws(ServiceStateError) -> StoredPage? {
        try read { database in
            guard let row = try database.row(of: id, Database.batchColumns) else { return nil }
            let batch = try database.storedBatch(row)
            let first = batch.images.lowerBound
            let start = first + min(max(0, from), batch.images.count)
            let wanted = start..<min(start + max(0, countMax), batch.images.upperBound)
            var page = StoredPage(
                batch: batch, range: start - first..<start - first, spans: [], images: [:])
            guard !wanted.isEmpty else { return page }
            page.spans = try database.spans(
                of: wanted, in: batch.images, upTo: Self.pageByteCountMax)
            guard let last = page.spans.last else { throw row.damage("image_count") }
            let end = min(wanted.upperBound - first, last.first + last.span.count)
            page.range = start - first..<end
            for (offset, image) in try database.storedImages(start..<first + end) {
                page.images[start - first + offset] = image
            }
            return page
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
            let begun = "[\(filter.begun.map(\.description).joined(separator: ","))]"
            let isAmong = "IN (SELECT value FROM json_each(?))"
            switch filter.status {
            case nil: break
            case .queued?: add("status IS NULL AND first_image NOT \(isAmong)", begun)
            case .generating?: add("status IS NULL AND first_image \(isAmong)", begun)
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
            if let method = filter.mergeMethod {
                add(
                    """
                    EXISTS (SELECT 1 FROM span WHERE \(Database.mergeMethod) = ?
                        AND span.first_image >= batch.first_image
                        AND span.first_image < batch.first_image + batch.image_count)
                    """, method)
            }
            if let ranges = filter.firstImages {
                let places = ranges.map {
                    "first_image >= \($0.lowerBound) AND first_image < \($0.upperBound)"
                }
                conditions.append("(\(places.isEmpty ? "0" : places.joined(separator: " OR ")))")
            }
            if let before = filter.before {
                add("first_image < (SELECT first_image FROM batch WHERE id = ?)", before.text)
            }
            if let ids = filter.ids {
                let names = ids.map { "\"\($0.text)\"" }.joined(separator: ",")
                add("id \(isAmong)", "[\(names)]")
            }
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT \(Database.batchColumns) FROM batch
                    WHERE \(conditions.joined(separator: " AND "))
                    ORDER BY first_image DESC LIMIT \(max(1, filter.countMax))
                    """, arguments: arguments
            ).map(database.storedBatch)
        }
    }

    /// Reads results and failures of one image.
    ///
    /// - Throws: `ServiceStateError`.
    package func image(_ number: ImageNumber) throws(ServiceStateError) -> StoredImage {
        try read {
            try $0.storedImages(number.rawValue..<number.rawValue + 1)[0] ?? StoredImage()
        }
    }

    /// Reads results and failures of all images of a batch, by their places in it.
    ///
    /// - Throws: `ServiceStateError`.
    package func images(of batch: AcceptedBatch) throws(ServiceStateError) -> [Int: StoredImage] {
        try read { try $0.storedImages(batch.images) }
    }
}

extension Database {
    /// The row of a batch; `nil` if there is none, or if it is not kept.
    func row(of id: BatchID, _ columns: String) throws -> Row? {
        try Row.fetchOne(
            cachedStatement(
                sql: "SELECT \(columns) FROM batch WHERE id = ? AND erased_at IS NULL"),
            arguments: [id.text])
    }
}
