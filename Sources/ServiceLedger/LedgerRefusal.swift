// SPDX-License-Identifier: Apache-2.0

/// Why a ledger does not do what it was asked for; nothing has changed then.
package enum LedgerRefusal: Sendable, Equatable {
    /// The key stands for a batch that another body made.
    case keyReused
    /// The caller has too many images without an outcome.
    case callerQueueFull(count: Int, max: Int)
    /// All callers together have.
    case queueFull(count: Int, max: Int)
    /// More images than a batch may have.
    case batchTooLarge(count: Int, max: Int)
    /// The caller submits too fast; in so many seconds it may again.
    case tooFast(retryAfterSeconds: Double)
    /// The caller has too many requests that wait.
    case tooManyWaiting(max: Int)
    /// The service is about to stop.
    case draining
    /// This caller has no such batch.
    case unknownBatch
    /// The batch was erased.
    case erased
}
