// SPDX-License-Identifier: Apache-2.0

/// Deliberate mistakes, for the simulation to prove that it would find them.
///
/// No program ever sets one.
package enum LedgerBug: String, Sendable, CaseIterable {
    /// A submission is answered before it is on the disk.
    case answerBeforeCommit
    /// A cancelled batch is reported so before it is on the disk.
    case cancelBeforeCommit
    /// A repeated key makes another batch.
    case forgetKey
    /// Keys do not survive a restart.
    case forgetKeyAtRestart
    /// A key stands for its batch whatever the body.
    case adoptAnyBody
    /// Keys of all callers are one.
    case shareKeys
    /// Images are generated in the order of their submission.
    case firstComeFirstServed
    /// A caller that was idle has its turns saved.
    case saveUp
    /// An image of a cancelled batch keeps its place for ever.
    case leakImage
    /// What was generated before a restart is generated again.
    case forgetOutcomes
    /// Numbers of images begin anew after a restart.
    case reuseNumbers
    /// A batch is generated before it is on the disk.
    case offerBeforeCommit
    /// A caller may cancel another's batch.
    case obeyStrangers
    /// Submissions are not counted.
    case ignoreLimits
    /// A batch is erased though it is pinned.
    case erasePinned
    /// Pins do not survive a restart.
    case forgetPins
    /// Batches are kept however much they take.
    case keepAll
    /// A batch is erased while its request waits for it, or may be repeated.
    case eraseAwaited
    /// Requests that wait are not counted.
    case ignoreWaiting
    /// A repeated request gets any batch that its caller waited for.
    case adoptAnyOrphan
    /// A batch is generated though nobody waits for it any more.
    case immortalOrphan
    /// Images are offered though there is no room for their results.
    case ignoreRoom
    /// Workers that have left get images.
    case keepLeavers
    /// Workers that join others get no images.
    case forgetJoiners
}
