// SPDX-License-Identifier: Apache-2.0

/// Deliberate mistakes, for the simulation to prove that it would find them.
///
/// No program ever sets one; see `CoordinatorConfiguration.plantedBug`.
package enum CoordinatorBug: String, Sendable, CaseIterable {
    /// Results are accepted without checking whether their lease was granted.
    case skipFencing
    /// RESULT-ACK leaves before the result is stored.
    case ackBeforeStoring
    /// An image is announced before its result is stored.
    case announceBeforeStoring
    /// A second result of an image is decoded too.
    case dropDedup
    /// A lease ends some time after it was granted, however well its steps go.
    case leaseByTotalTime
    /// Heartbeats renew a lease.
    case leaseByHeartbeat
    /// Images are leased without counting those that a worker holds.
    case forgetCredits
    /// What waited at a lost worker is not given to others.
    case forgetWaiting
    /// An image that was not begun is charged with a failed attempt.
    case chargeInnocent
    /// An image is tried again however often it failed.
    case retryForever
    /// An image may end one worker after another.
    case noPoisonBreaker
    /// Copies of copies are generated.
    case copyWithoutEnd
    /// An answer to CANCEL frees no credit.
    case leakCredits
    /// Of two equal workers each leaves the last image to the other.
    case deferToEquals
    /// Work continues after the user cancelled.
    case grantAfterCancel
    /// Images are leased however many results wait for the decoder.
    case ignoreBacklog
    /// Images whose result is being stored fail when the last worker is lost.
    case failWhileStoring
    /// A repeated report counts as progress.
    case renewByRepetition
    /// A resumed run generates again what was stored.
    case forgetStored
    /// An image is resumed under any kernels.
    case resumeAcrossClasses
    /// A checkpoint is kept for its image's neighbour.
    case keepForNeighbour
    /// Checkpoints are kept without checking whether their lease was granted.
    case keepUnfenced
    /// A lease counts for every worker, whichever it was given to.
    case honourAnyones
    /// Latents are accepted whatever their shape.
    case takeAnyShape
    /// Latents are accepted whatever their values.
    case takeAnyValue
    /// Pictures are accepted whatever their size.
    case takeAnySize
    /// A picture is paired with the result that follows, whatever its lease.
    case takeAnyPicture
    /// Latents that can't be decoded fail their image without another attempt.
    case keepUndecodable
    /// What a worker held that was disconnected for lying counts as what may have ended it.
    case blameImages
    /// An image that was not recalled and is given back as cancelled is no failure.
    case believeCancelled
    /// An image that was never begun does not look late.
    case waitForSilent
    /// A busy worker is tried again as soon as it asks for.
    case redialAtOnce
    /// Settled images are never forgotten.
    case rememberForever
    /// Workers are not told that a cancelled image is not wanted any more.
    case workOnCancelled
    /// When everything is cancelled, nothing is reported of the images.
    case cancelInSilence
    /// A cancelled image is delivered when its result comes nevertheless.
    case deliverCancelled
    /// Previews are passed on whether anybody wants them or not.
    case previewForNobody
    /// Images of which one may have ended workers are sampled beside others again.
    case forgetSolitude
    /// A worker that an operator drains gets images nevertheless.
    case leaseToSetAside
    /// A worker that was drained gets nothing after it is resumed either.
    case setAsideForGood
    /// The images of every batch are numbered from 0.
    case reuseNumbers
}

extension CoordinatorStateMachine {
    /// Whether this deliberate mistake is to be made.
    func has(_ bug: CoordinatorBug) -> Bool { configuration.plantedBug == bug }
}
