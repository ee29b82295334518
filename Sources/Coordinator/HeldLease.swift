// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// A lease that a worker holds, as the coordinator knows it.
struct HeldLease: Equatable {
    /// Why CANCEL was sent; the answer is awaited.
    enum Recall {
        /// Another worker would be done sooner; the image waits for the answer.
        case moved
        /// Its steps stopped; the image went to another worker.
        case expired
        /// The image has its outcome.
        case void
    }

    var lease: Lease
    /// Denoising steps in all, as the request or the worker says.
    var stepCount: Int
    /// Denoising steps done.
    var step = 0
    /// Whether the worker said that it began.
    var isStarted = false
    /// Given to see whether the worker is sound again; failing it costs the image no attempt.
    var isProbe = false
    /// Nothing is to wait behind it, so that it is known what a loss is to be blamed on.
    var isAlone = false
    /// Given for the sake of comparison: the image has its outcome.
    var isCheck = false
    var recall: Recall?
    /// When CANCEL was sent.
    var recalledAt = Duration.zero
    /// Whether it was reported that the worker does not begin.
    var isOverdueReported = false
    /// The step of the checkpoint that it was given, until it is known to have begun anew.
    var offeredStep = 0
    /// Workers whose steps are in that checkpoint.
    var makers: Set<Int> = []

    init(_ lease: Lease, stepCount: Int) {
        self.lease = lease
        self.stepCount = max(1, stepCount)
    }

    /// Number of the image.
    var item: Int { Int(lease.item) }
    /// Whether the image counts on it.
    var isLive: Bool { !isCheck && (recall == nil || recall == .moved) }
    /// Whether it waits behind another image, or for the worker to begin.
    var isWaiting: Bool { !isStarted && !isCheck && recall == nil }
    /// Whether it did no step of its own yet.
    var isAtItsFirstStep: Bool { !isStarted || step <= offeredStep }
    /// How far its image is at least, as far as is known.
    var reachedStep: Int { max(step, offeredStep) }
    /// When CANCEL for an image that was not begun should be answered; `nil` where none is awaited.
    ///
    /// One that was begun may take a step until the thread stops.
    func answerDeadline(timeouts: ClusterTimeouts) -> Duration? {
        guard !isStarted, recall == .moved || recall == .void else { return nil }
        return recalledAt + timeouts.answer
    }

    /// Denoising steps still to be done.
    var stepsLeft: Int { max(0, stepCount - reachedStep) }
}
