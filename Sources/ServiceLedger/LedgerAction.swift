// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What a ledger wants done, in this order.
package enum LedgerAction: Sendable, Equatable {
    /// Put changes on the disk, all of them or none; `committed` follows.
    case commit(CommitNumber, [LedgerChange])
    /// Answer a question.
    case answer(Ticket, LedgerAnswer)
    /// Let a worker generate an image next.
    case offer(OfferedImage)
    /// Images of a batch that have no result on the disk are not wanted any more.
    case withdraw(AcceptedBatch)
    /// Remove the pictures and latents of a batch.
    case removeFiles(BatchID)
    /// Tell those who watch.
    case report(LedgerReport)
}

/// An answer; everything that it says is on the disk.
package enum LedgerAnswer: Sendable, Equatable {
    /// The request may be submitted.
    case admitted
    /// A batch was accepted, or is the one that was accepted before.
    case accepted(BatchID, isReplay: Bool)
    /// The batch is as it was asked for.
    case done(BatchID)
    /// Nothing was changed.
    case refused(LedgerRefusal)
}

/// An image whose turn it is.
package struct OfferedImage: Sendable, Equatable {
    /// Its number.
    package var number: ImageNumber
    /// Its batch, named by the number of the batch's first image.
    package var firstImage: ImageNumber
    /// What is asked for.
    package var request: GenerationRequest
}

/// What changed, for those who watch; never before it is on the disk.
package enum LedgerReport: Sendable, Equatable {
    /// The batch's status or counts.
    case batch(BatchID)
    /// One of its images, by its place in the batch.
    case image(BatchID, index: Int)
    /// A batch is not kept any more.
    case erased(BatchID)
    /// An image got so far.
    case progress(BatchID, index: Int, step: Int)
}
