// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import GenerationTypes
package import Requests

/// A run as a whole; `RunReport` fills in the totals.
package struct RunRecord: Sendable, Equatable, Codable {
    /// The program, such as `retom 0.1.0`.
    package var version: String
    /// The model.
    package var model: ModelRecord
    /// Seed of image 0.
    package var baseSeed: UInt64
    /// Images per prompt, `-b`.
    package var batchCount: Int
    /// Options that are no part of a request: precision, backend, threads, merging.
    package var settings: [String: String]
    /// When work began.
    package var startedAt: Date
    /// When the last picture was written.
    package var finishedAt: Date
    /// Every worker that took part.
    package var workers: [WorkerRecord]
    /// Bytes on the wire.
    package var wire: ByteCounts
    /// Contact sheets in the same directory.
    package var sheets: [String]
    /// Sessions of the run.
    package var sessionCount = 1
    /// Seconds from beginning to end, pauses between sessions included.
    package internal(set) var wallSeconds: Double = 0
    /// Images asked for.
    package internal(set) var imageCount = 0
    /// Images written.
    package internal(set) var writtenCount = 0
    /// Images that failed.
    package internal(set) var failedCount = 0
    /// Images written per second of wall time.
    package internal(set) var imagesPerSecond: Double = 0
    /// Decoding's part of all seconds of work, 0 to 1: what the coordinator does for its workers,
    /// and so what limits how many it can keep busy.
    package internal(set) var decodeShare: Double = 0

    /// Whether merging was asked for and no token of any image merged; absent otherwise.
    package internal(set) var mergedNothing: Bool?

    private enum CodingKeys: String, CodingKey {
        case version, model, settings, workers, wire, sheets
        case baseSeed = "base_seed"
        case batchCount = "batch_count"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case wallSeconds = "wall_seconds"
        case imageCount = "image_count"
        case writtenCount = "images_written"
        case failedCount = "images_failed"
        case imagesPerSecond = "images_per_second"
        case decodeShare = "decode_share"
        case mergedNothing = "merged_nothing"
        case sessionCount = "lives"
    }

    /// Makes a record without totals.
    package init(
        version: String, model: ModelRecord, baseSeed: UInt64, batchCount: Int,
        settings: [String: String], startedAt: Date, finishedAt: Date,
        workers: [WorkerRecord] = [], wire: ByteCounts = ByteCounts(), sheets: [String] = []
    ) {
        self.version = version
        self.model = model
        self.baseSeed = baseSeed
        self.batchCount = batchCount
        self.settings = settings
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.workers = workers
        self.wire = wire
        self.sheets = sheets
    }
}
