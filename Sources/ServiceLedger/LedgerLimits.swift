// SPDX-License-Identifier: Apache-2.0

/// How much a ledger takes, and how long it remembers.
package struct LedgerLimits: Sendable, Equatable {
    /// Images of one batch.
    package var imagesPerBatch = 10_000
    /// Images of one caller that have no outcome.
    package var queuedPerCaller = 20_000
    /// Images of all callers that have no outcome.
    package var queuedInAll = 100_000
    /// Submissions of one caller per second, on average.
    package var submissionsPerSecond = 20.0
    /// Submissions of one caller at once.
    package var submissionBurst = 100.0
    /// Requests of one caller that wait for their pictures at once.
    package var waitingPerCaller = 64
    /// How long a batch that nobody waits for any more is still generated, in seconds: the request
    /// may be repeated.
    package var orphanGraceSeconds = 60.0
    /// How long an `Idempotency-Key` stands for its batch after the batch's end, in seconds.
    package var keySeconds = 86_400.0
    /// How long a batch is kept after its end, in seconds; `nil` keeps all.
    package var keepSeconds: Double? = 7 * 86_400
    /// Pictures and latents that are kept, in bytes: above that batches go, the one first that ended
    /// first; `nil` keeps all.
    package var keepByteCount: Int?
    /// How long the name of an erased batch is remembered, in seconds.
    package var tombstoneSeconds = 30 * 86_400.0
    /// Erased batches whose names are remembered, at most, those with a key that still stands for
    /// them not counted: the one that was erased first is forgotten.
    package var tombstoneCountMax = 10_000
    /// How often it is looked for batches that are kept no longer, in seconds.
    package var retentionInterval = 60.0
    /// Images that take less than this, in seconds, are lent ahead: a worker that has to wait for
    /// the next one would lose more than a caller that waits behind one.
    package var lendAheadSeconds = 2.0

    /// The defaults.
    package init() {}
}
