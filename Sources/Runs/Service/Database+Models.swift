// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes
import Requests

/// The models of a service, one after the other.
extension Database {
    private static let modelsName = "models"

    /// The model of a batch; `nil` for batches of versions that did not keep it.
    func model(ofBatchAt firstImage: Int) throws -> StoredModel? {
        try modelPeriods().last { $0.firstImage <= firstImage }?.model
    }

    /// From the next batch on, batches are this model's.
    ///
    /// - Parameter hasBatches: whether those of which no model was kept are its, too.
    func add(_ model: StoredModel, hasBatches: Bool) throws {
        var periods = try modelPeriods()
        guard periods.last?.model != model else { return }
        let firstImage = periods.isEmpty && hasBatches ? 0 : try nextImage()
        periods.removeAll { $0.firstImage == firstImage }
        periods.append(ModelPeriod(firstImage: firstImage, model: model))
        try set(Self.modelsName, Array(try JSONText.line(periods).utf8))
    }

    func modelPeriods() throws -> [ModelPeriod] {
        guard let bytes = try setting(Self.modelsName) else { return [] }
        do {
            return try JSONDecoder().decode([ModelPeriod].self, from: Data(bytes))
        } catch {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "the models are unreadable: \(error)")
        }
    }

    /// The number that the next image gets.
    func nextImage() throws -> Int {
        guard let bytes = try setting("next_image") else { return 0 }
        guard bytes.count == 8 else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "next_image is no number")
        }
        return bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
