// SPDX-License-Identifier: Apache-2.0

/// A request for images, checked against the model, before it is accepted.
package struct Submission: Sendable, Equatable {
    /// The name that the batch gets if it becomes a new one.
    package var id: BatchID
    /// Who asks.
    package var caller: CallerID
    /// The caller's share of the cluster, relative to others.
    package var weight: Double
    /// The caller's `Idempotency-Key`; `nil` makes every submission a new one.
    package var key: String?
    /// SHA-256 of the body: equal for a repetition, different for another request.
    package var bodyDigest: [UInt8]
    /// How the caller ranks it.
    package var priority: BatchPriority
    /// Whether a request waits for it.
    package var origin: BatchOrigin
    /// Its images in order, at least one.
    package var spans: [ImageSpan]
    /// What its caller wants to read in it again.
    package var details: BatchDetails

    /// Describes a request.
    package init(
        id: BatchID, caller: CallerID, weight: Double = 1, key: String? = nil,
        bodyDigest: [UInt8] = [], priority: BatchPriority = .normal,
        origin: BatchOrigin = .batch, spans: [ImageSpan],
        details: BatchDetails = BatchDetails()
    ) {
        precondition(!spans.isEmpty, "a batch without images")
        self.id = id
        self.caller = caller
        self.weight = weight
        self.key = key
        self.bodyDigest = bodyDigest
        self.priority = priority
        self.origin = origin
        self.spans = spans
        self.details = details
    }
}

/// What is kept of a batch for people, and decides nothing.
package struct BatchDetails: Sendable, Equatable {
    /// The caller's own words.
    package var note: String?
    /// What of the batch will not be generated as it may be meant.
    package var warnings: [String]

    /// Describes a batch.
    package init(note: String? = nil, warnings: [String] = []) {
        self.note = note
        self.warnings = warnings
    }
}
