// SPDX-License-Identifier: Apache-2.0

/// One change of the ledger that must be on the disk before anybody hears of it.
package enum LedgerChange: Sendable, Equatable {
    /// A batch is accepted, with all its images.
    case accept(AcceptedBatch)
    /// A batch has ended.
    case end(BatchID, BatchEnd)
    /// A batch's pictures, latents and requests are not kept any longer; its name stays.
    case erase(BatchID, at: Double)
    /// Whether a batch is kept whatever the limits say.
    case pin(BatchID, isPinned: Bool)
    /// An `Idempotency-Key` may stand for another batch.
    case releaseKey(BatchID)
    /// A batch's name means nothing any more.
    case forget(BatchID)
}

/// How a batch ended; times in seconds since 1970.
package struct BatchEnd: Sendable, Equatable {
    /// A final one.
    package var status: BatchStatus
    /// When the first of its images began; `nil` if none did.
    package var startedAt: Double?
    /// When it ended.
    package var endedAt: Double

    /// Describes an end.
    package init(status: BatchStatus, startedAt: Double?, endedAt: Double) {
        self.status = status
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}
