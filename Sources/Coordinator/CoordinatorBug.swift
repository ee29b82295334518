// SPDX-License-Identifier: Apache-2.0

/// Deliberate mistakes, for the simulation to prove that it would find them.
///
/// No program ever sets one; see `CoordinatorConfiguration.plantedBug`.
package enum CoordinatorBug: String, Sendable, CaseIterable {
    /// Results are taken without looking whether their lease was granted in this run.
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
    /// Images are given out without counting those that a worker holds.
    case forgetCredits
    /// What waited at a lost worker is not given to others.
    case forgetWaiting
    /// An image that was not begun is charged with a failed attempt.
    case chargeInnocent
    /// An image is tried again however often it failed.
    case retryForever
    /// An image may end one worker after another.
    case noPoisonBreaker
    /// Copies of copies are drawn.
    case copyWithoutEnd
    /// An answer to CANCEL frees no credit.
    case leakCredits
    /// Of two equal workers each leaves the last image to the other.
    case deferToEquals
    /// Work goes on after the user gave up.
    case grantAfterCancel
    /// Images are given out however many results wait for the decoder.
    case ignoreBacklog
    /// Images whose result is being stored fail when the last worker is lost.
    case failWhileStoring
    /// The same answer, given again and again, counts as progress.
    case renewByRepetition
    /// A resumed run draws again what was stored.
    case forgetStored
    /// A checkpoint is gone on from under any kernels.
    case resumeAcrossClasses
    /// A checkpoint is kept for the image beside its own.
    case keepForNeighbour
    /// Checkpoints are kept without looking whether their lease was granted in this run.
    case keepUnfenced
    /// A lease counts whoever of the workers it was given to.
    case honourAnyones
    /// Latents are taken whatever their shape.
    case takeAnyShape
    /// Latents are taken whatever their values.
    case takeAnyValue
    /// Pictures are taken whatever their size.
    case takeAnySize
    /// A picture is taken for that of the result that follows, whatever its lease.
    case takeAnyPicture
    /// Latents that can't be decoded fail their image for good.
    case keepUndecodable
    /// What a worker held that was let go for lying counts as what may have ended it.
    case blameImages
    /// An image that nobody asked back and that is given back as cancelled is nobody's failure.
    case believeCancelled
    /// An image that was never begun does not look late.
    case waitForSilent
    /// A busy worker is asked again as soon as it says.
    case redialAtOnce
}

extension CoordinatorStateMachine {
    /// Whether this deliberate mistake is to be made.
    func has(_ bug: CoordinatorBug) -> Bool { configuration.plantedBug == bug }
}
