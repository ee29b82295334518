// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes

/// `report.json`: the outcome of every image of a run, and what the run cost.
///
/// Keys only get added; `format_version` changes when the meaning of one does.
package struct RunReport: Sendable, Equatable, Codable {
    /// Version of this layout.
    package var formatVersion = 1
    /// The run as a whole.
    package var run: RunRecord
    /// One per image, in order.
    package var images: [ImageRecord]

    private enum CodingKeys: String, CodingKey {
        case run, images
        case formatVersion = "format_version"
    }

    /// Makes a report; counts, rates and shares are worked out here.
    package init(run: RunRecord, images: [ImageRecord]) {
        self.run = run
        self.images = images
        summarise()
    }

    /// Fills the run's totals from the images.
    private mutating func summarise() {
        run.imageCount = images.count
        run.writtenCount = images.count { $0.status == .written }
        run.failedCount = images.count { $0.status == .failed }
        run.wallSeconds = max(0, run.finishedAt.timeIntervalSince(run.startedAt))
        run.imagesPerSecond =
            run.wallSeconds > 0 ? Double(run.writtenCount) / run.wallSeconds : 0
        let timings = images.compactMap(\.timings)
        let total = timings.reduce(0) { $0 + $1.totalSeconds }
        let decoding = images.reduce(0) { sum, image in
            image.workerDecodeClass == nil ? sum + (image.timings?.decodingSeconds ?? 0) : sum
        }
        run.decodeShare = total > 0 ? decoding / total : 0
        let merging = images.filter {
            $0.latentSHA256 != nil && $0.request.tokenMerging.isOn
        }
        run.mergedNothing =
            !merging.isEmpty && merging.allSatisfy { $0.tokenMerging == nil } ? true : nil
    }
}

/// The outcome of one image.
package struct ImageRecord: Sendable, Equatable, Codable {
    /// Outcomes, and what precedes them.
    package enum Status: String, Sendable, Codable {
        /// Not finished when the report was written.
        case pending
        /// The latents are in the archive, the picture waits to be decoded.
        case sampled
        /// The picture is in the directory.
        case written
        /// There is no picture; `reasons` say why.
        case failed
    }

    /// Position in the run, from 0.
    package var number: ImageNumber
    /// Its outcome so far.
    package var status: Status
    /// Everything that decides the picture, except the model.
    package var request: GenerationRequest
    /// The picture's file in the same directory; `nil` unless written.
    package var file: String?
    /// The latents' file, with `--save-latents`.
    package var latentsFile: String?
    /// The worker that sampled it.
    package var worker: String?
    /// How often it was given to a worker.
    package var attempts: Int
    /// The step of the checkpoint that this worker resumed from; `nil` where it sampled the whole
    /// image.
    package var resumedFromStep: Int?
    /// What went wrong, one per failed attempt.
    package var reasons: [String]
    /// Where the time of the successful attempt went.
    package var timings: ImageTimings?
    /// The kernels that sampled it: bytes are equal within one class.
    package var kernelClass: String?
    /// The kernels of the decode, where that is known.
    package var decodeClass: String?
    /// The same where the worker made the picture too; `nil` when the coordinator did.
    package var workerDecodeClass: String?
    /// SHA-256 of the latents' f32 bytes, in hexadecimal.
    package var latentSHA256: String?
    /// What merging tokens saved and cost, where tokens were merged.
    package var tokenMerging: TokenMergeStatistics?

    private enum CodingKeys: String, CodingKey {
        case status, request, file, worker, attempts, reasons, timings
        case number = "index"
        case latentsFile = "latents_file"
        case latentSHA256 = "latent_sha256"
        case tokenMerging = "token_merging"
        case resumedFromStep = "resumed_from_step"
        case workerDecodeClass = "worker_decode_class"
        case kernelClass = "kernel_class"
        case decodeClass = "decode_class"
    }

    /// An image that is pending.
    package init(number: ImageNumber, request: GenerationRequest) {
        self.number = number
        self.request = request
        status = .pending
        attempts = 0
        reasons = []
    }
}

/// A worker's part in a run.
package struct WorkerRecord: Sendable, Equatable, Codable {
    /// Its name in messages: its address.
    package var name: String
    /// Its kernels: latents are bit-identical within one class.
    package var kernelClass: String
    /// Images it finished.
    package var imageCount: Int
    /// Seconds it spent on them.
    package var busySeconds: Double
    /// Why it was lost; `nil` when it stayed.
    package var lostReason: String?

    private enum CodingKeys: String, CodingKey {
        case name
        case kernelClass = "kernel_class"
        case imageCount = "image_count"
        case busySeconds = "busy_seconds"
        case lostReason = "lost_reason"
    }

    /// Makes a record.
    package init(
        name: String, kernelClass: String, imageCount: Int = 0, busySeconds: Double = 0,
        lostReason: String? = nil
    ) {
        self.name = name
        self.kernelClass = kernelClass
        self.imageCount = imageCount
        self.busySeconds = busySeconds
        self.lostReason = lostReason
    }
}
