// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a ledger finds on the disk when the service starts.
package struct StoredLedger: Sendable, Equatable {
    /// All images so far have numbers below.
    package var nextImage: ImageNumber
    /// Batches that have not ended, in the order in which they were accepted.
    package var live: [StoredLiveBatch]
    /// Batches that have ended, in the order in which they did.
    package var ended: [EndedBatch]

    /// Describes a disk; the default is an empty one.
    package init(
        nextImage: ImageNumber = ImageNumber(0), live: [StoredLiveBatch] = [],
        ended: [EndedBatch] = []
    ) {
        self.nextImage = nextImage
        self.live = live
        self.ended = ended
    }
}

/// A batch that had not ended when the service did; images are named by their places in it.
package struct StoredLiveBatch: Sendable, Equatable {
    /// What was accepted.
    package var accepted: AcceptedBatch
    /// Images with their pictures.
    package var finished: Set<Int>
    /// Images that have failed.
    package var failed: Set<Int>
    /// Images with latents that have no picture yet.
    package var sampled: Set<Int>
    /// Its pictures and latents, in bytes.
    package var byteCount: Int
    /// Whether it is kept whatever the limits say.
    package var isPinned: Bool

    /// Describes a batch.
    package init(
        accepted: AcceptedBatch, finished: Set<Int> = [], failed: Set<Int> = [],
        sampled: Set<Int> = [], byteCount: Int = 0, isPinned: Bool = false
    ) {
        self.accepted = accepted
        self.finished = finished
        self.failed = failed
        self.sampled = sampled
        self.byteCount = byteCount
        self.isPinned = isPinned
    }
}

/// What a ledger remembers of a batch that has ended.
package struct EndedBatch: Sendable, Equatable {
    /// Its name.
    package var id: BatchID
    /// Whose it is.
    package var caller: CallerID
    /// The key that it was submitted with, unless that may stand for another batch by now.
    package var key: String?
    /// SHA-256 of the body it was made by.
    package var bodyDigest: [UInt8]
    /// How it ended.
    package var status: BatchStatus
    /// When it ended, in seconds since 1970.
    package var endedAt: Double
    /// When its files were removed, in seconds since 1970; `nil` while they are kept.
    package var erasedAt: Double?
    /// Whether a request waited for it.
    package var origin: BatchOrigin
    /// Its pictures and latents, in bytes; 0 when they were removed.
    package var byteCount: Int
    /// Whether it is kept whatever the limits say.
    package var isPinned: Bool

    /// Describes a batch.
    package init(
        id: BatchID, caller: CallerID, key: String?, bodyDigest: [UInt8], status: BatchStatus,
        endedAt: Double, erasedAt: Double? = nil, origin: BatchOrigin = .batch,
        byteCount: Int = 0, isPinned: Bool = false
    ) {
        self.id = id
        self.caller = caller
        self.key = key
        self.bodyDigest = bodyDigest
        self.status = status
        self.endedAt = endedAt
        self.erasedAt = erasedAt
        self.origin = origin
        self.byteCount = byteCount
        self.isPinned = isPinned
    }
}
