// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger

/// A batch in JSON; times in seconds since 1970.
package struct BatchAnswer: Sendable, Equatable, Encodable {
    /// Its name.
    package var id: String
    /// `queued`, `generating`, `completed`, `failed` or `cancelled`.
    package var status: String
    /// `interactive`, `normal` or `background`.
    package var priority: String
    /// `sync` where a request waits for it, else `batch`.
    package var origin: String
    /// The model's name.
    package var model: String
    /// The first image's prompt; of a long one, its beginning.
    package var prompt: String
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
    /// When it will be deleted at the latest; `nil` where nothing says so.
    package var keepUntil: Double?
    /// Whether it is kept until it is unpinned or deleted.
    package var isPinned: Bool
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
    /// What is asked for of the images that follow.
    package var spans: [SpanAnswer]?
    /// Images in order, where they were asked for.
    package var images: [ImageAnswer]?
    /// The image that the next page begins with; `nil` after the last page.
    package var next: Int?

    private enum CodingKeys: String, CodingKey {
        case id, status, priority, origin, model, prompt, note, warnings, created, started
        case completed, waiting, processing, restarted, finished, faulted, reason, spans, images
        case next
        case isPinned = "pinned"
        case keepUntil = "keep_until"
        case queuePosition = "queue_position"
        case imageCount = "image_count"
        case isPossible = "is_possible"
        case etaSeconds = "eta_seconds"
    }

    /// Describes a batch of which nothing has happened yet.
    ///
    /// - Parameters:
    ///   - prompt: of its first image.
    ///   - created: when it was accepted, in seconds since 1970.
    package init(
        id: BatchID, model: String, prompt: String, priority: BatchPriority = .normal,
        origin: BatchOrigin = .batch, details: BatchDetails = BatchDetails(), created: Double,
        imageCount: Int
    ) {
        self.id = id.text
        status = BatchStatus.queued.rawValue
        self.priority = priority.rawValue
        self.origin = origin.isSync ? "sync" : "batch"
        self.model = model
        self.prompt = prompt
        note = details.note
        warnings = details.warnings
        self.created = created
        self.imageCount = imageCount
        waiting = imageCount
        (processing, restarted, finished, faulted) = (0, 0, 0, 0)
        isPossible = true
        isPinned = false
    }
}
