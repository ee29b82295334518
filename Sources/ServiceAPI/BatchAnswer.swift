// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ServiceLedger

/// A batch in JSON; times in seconds since 1970.
package struct BatchAnswer: Sendable, Equatable, Encodable {
    /// Its name.
    package var id: String
    /// `queued`, `generating`, `completed`, `failed` or `cancelled`.
    package var status: String
    /// `interactive`, `normal` or `background`.
    package var priority: String
    /// The model's name.
    package var model: String
    /// The caller's own words.
    package var note: String?
    /// What of it will not be generated as it may be meant.
    package var warnings: [String]
    /// When it was accepted.
    package var created: Double
    /// When its first image began.
    package var started: Double?
    /// When it ended.
    package var completed: Double?
    /// When it will be deleted.
    package var keepUntil: Double?
    /// Images of anybody that come before its next one.
    package var queuePosition: Int?
    /// All its images.
    package var imageCount: Int
    /// Images that nobody has.
    package var waiting: Int
    /// Images that a worker or the decoder has.
    package var processing: Int
    /// Attempts that were followed by another.
    package var restarted: Int
    /// Images with their pictures.
    package var finished: Int
    /// Images that failed.
    package var faulted: Int
    /// Whether a worker could generate it now.
    package var isPossible: Bool
    /// Why none could.
    package var reason: String?
    /// Until it is done, as far as that is known.
    package var etaSeconds: Double?
    /// Its images in order, where they were asked for.
    package var images: [ImageAnswer]?

    private enum CodingKeys: String, CodingKey {
        case id, status, priority, model, note, warnings, created, started, completed, waiting
        case processing, restarted, finished, faulted, reason, images
        case keepUntil = "keep_until"
        case queuePosition = "queue_position"
        case imageCount = "image_count"
        case isPossible = "is_possible"
        case etaSeconds = "eta_seconds"
    }

    /// Describes a batch of which nothing has happened yet.
    package init(_ batch: AcceptedBatch, model: String) {
        id = batch.id.text
        status = BatchStatus.queued.rawValue
        priority = batch.submission.priority.rawValue
        self.model = model
        note = batch.submission.details.note
        warnings = batch.submission.details.warnings
        created = batch.acceptedAt
        imageCount = batch.imageCount
        waiting = batch.imageCount
        (processing, restarted, finished, faulted) = (0, 0, 0, 0)
        isPossible = true
    }
}

/// An image in JSON.
package struct ImageAnswer: Sendable, Equatable, Encodable {
    /// Its place in the batch, from 0.
    package var index: Int
    /// `queued`, `generating`, `decoding`, `completed`, `failed` or `cancelled`.
    package var status: String
    /// Everything that decides the picture, except the model.
    package var request: GenerationRequest
    /// Steps that are done.
    package var step: Int?
    /// Which attempt it is, from 1.
    package var attempt: Int?
    /// The worker that has it, or sampled it.
    package var worker: String?
    /// SHA-256 of its latents, in hexadecimal.
    package var latentSHA256: String?
    /// Seconds of its sampling.
    package var samplingSeconds: Double?
    /// Why it failed.
    package var error: String?

    private enum CodingKeys: String, CodingKey {
        case index, status, request, step, attempt, worker, error
        case latentSHA256 = "latent_sha256"
        case samplingSeconds = "sampling_seconds"
    }

    /// Describes an image of which nothing has happened yet.
    package init(index: Int, request: GenerationRequest) {
        self.index = index
        self.request = request
        status = "queued"
    }
}
