// SPDX-License-Identifier: Apache-2.0

import GRDB
package import GenerationTypes
package import ServiceLedger

/// A page of a batch's finished pictures, in order.
package struct StoredSheet: Sendable, Equatable {
    /// Pictures of a page, at most.
    package static let pictureCountMax = 64

    /// A finished picture.
    package struct Picture: Sendable, Equatable {
        /// Its place in the batch.
        package var index: Int
        /// What it was made of.
        package var request: GenerationRequest
        /// Its file in the folder of the batch.
        package var file: String
        /// Of its latents.
        package var sha256: [UInt8]
    }

    /// The batch.
    package var batch: StoredBatch
    /// The page, from 1.
    package var page: Int
    /// Its pictures.
    package var pictures: [Picture]

    /// Pages that hold a picture now.
    package var pageCount: Int {
        (batch.finishedCount + Self.pictureCountMax - 1) / Self.pictureCountMax
    }

    /// Pages that can become ones.
    package var pageCountMax: Int {
        (batch.images.count + Self.pictureCountMax - 1) / Self.pictureCountMax
    }

    /// Whether the page stays as it is.
    ///
    /// A batch that was cancelled may get a picture that was under way then.
    package var isFinal: Bool { batch.end.map { $0.status != .cancelled } ?? false }
}

extension ServiceStore {
    /// Reads a page of a batch's finished pictures.
    ///
    /// - Parameter page: from 1; a page past the last one is empty.
    /// - Returns: `nil` if there is no such batch, or if it is not kept.
    /// - Throws: `ServiceStateError`.
    package func sheet(of id: BatchID, page: Int) throws(ServiceStateError) -> StoredSheet? {
        try read { database in
            guard let row = try database.row(of: id, Database.batchColumns) else { return nil }
            let batch = try database.storedBatch(row)
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT picture.*, result.sha256 AS sha256
                    FROM picture JOIN result ON result.item = picture.item
                    WHERE picture.item >= ? AND picture.item < ?
                    ORDER BY picture.item LIMIT ? OFFSET ?
                    """,
                arguments: [
                    batch.images.lowerBound, batch.images.upperBound, StoredSheet.pictureCountMax,
                    (page - 1) * StoredSheet.pictureCountMax,
                ])
            let pictures = try rows.map { row in
                let picture = try StoredPicture(row, of: batch.images)
                let number = picture.image.rawValue
                let index = number - batch.images.lowerBound
                let spans = try database.spans(of: number..<number + 1, in: batch.images)
                guard let span = spans.last else { throw row.damage("item") }
                return StoredSheet.Picture(
                    index: index, request: span.span.request(at: index - span.first),
                    file: picture.file, sha256: try row.bytes("sha256"))
            }
            return StoredSheet(batch: batch, page: page, pictures: pictures)
        }
    }
}
