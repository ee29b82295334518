// SPDX-License-Identifier: Apache-2.0

/// The loss of a worker, as evidence against an image that it sampled or was about to.
struct SampledLoss: Equatable {
    /// How far the image was, in steps; -1 when it is not known to have begun.
    var step: Int
    /// Whether it can have been no other image.
    ///
    /// A worker at the last step of one may have begun the next already: that report is lost with
    /// the worker.
    var isCertain = true
    /// Whether the worker sampled several images at the same time, each of which may have ended it.
    var isShared = false
    /// Whether its steps take long enough to be reported individually, so that it is known where it
    /// ended.
    var isExact = true
}

extension [SampledLoss] {
    /// Losses with other images before an image is sampled without any.
    private static let sharedCountMax = 2

    /// Whether the next attempt has to show which image ends workers: nothing may wait behind it, or
    /// run beside it.
    ///
    /// A machine that is switched off takes all images with it that it samples; that is no reason
    /// to sample each of them alone. Only the second time it is.
    var needSolitude: Bool {
        contains { !$0.isCertain && !$0.isShared }
            || count(where: \.isShared) >= Self.sharedCountMax
    }

    /// How many workers were lost at about the same step, at least one of them for certain.
    ///
    /// Images are pure functions, so what ends one worker ends the next at the same place, whereas
    /// machines that are switched off are in the middle of anything. The last step report may
    /// be lost with the worker, hence "about".
    var likeness: Int {
        filter(\.isCertain).map { loss in count { abs($0.step - loss.step) <= 1 } }.max() ?? 0
    }
}
