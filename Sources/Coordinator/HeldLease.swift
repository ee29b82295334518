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
        /// The image needs no result any more.
        case void
    }

    let lease: Lease
    let image: ImageNumber
    /// Relative cost of one step.
    let stepWork: Double
    /// Denoising steps in all, as the request or the worker says.
    var stepCount: Int
    /// Denoising steps done.
    var step = 0
    /// Whether the worker reported that it began.
    var isStarted = false
    /// When it was last seen to advance.
    var lastProgress = Duration.zero
    /// Given to see whether the worker is sound again; failing it costs the image no attempt.
    var isProbe = false
    /// Nothing may wait behind it or run beside it, so that it is known which image a loss is to be blamed on.
    var isAlone = false
    /// Given for comparison only: the image has its result.
    var isCheck = false
    private(set) var recall: Recall?
    /// When CANCEL was sent.
    private(set) var recalledAt = Duration.zero
    /// Whether it was reported that the worker does not begin.
    var isOverdueReported = false
    /// The step of the checkpoint that it was given, until it is known to have restarted.
    var offeredStep = 0
    /// Workers whose steps are in that checkpoint.
    var makers: Set<WorkerNumber> = []

    init(_ lease: Lease, of image: ImageNumber, _ entry: ImageTable.Entry) {
        self.lease = lease
        self.image = image
        stepWork = entry.stepWork
        stepCount = max(1, entry.request.modelCallCount)
    }

    /// Whether the image counts on it.
    var isLive: Bool { !isCheck && (recall == nil || recall == .moved) }
    /// Whether its image can be expected of it: it was never overdue.
    var isPromising: Bool { isLive && !isOverdueReported }
    /// Whether it waits behind another image, or for the worker to begin.
    var isWaiting: Bool { !isStarted && !isCheck && recall == nil }
    /// Whether it has done no step of its own yet.
    var isAtItsFirstStep: Bool { !isStarted || step <= offeredStep }
    /// Steps that its image has done at least.
    var reachedStep: Int { max(step, offeredStep) }
    /// Denoising steps still to be done.
    var stepsLeft: Int { max(0, stepCount - reachedStep) }

    /// When CANCEL for an image that was not begun should be answered; `nil` where none is awaited.
    ///
    /// One that was begun may take a step until the thread stops.
    func answerDeadline(timeouts: ClusterTimeouts) -> Duration? {
        guard !isStarted, recall == .moved || recall == .void else { return nil }
        return recalledAt + timeouts.answer
    }

    /// Asks for it back, or changes the reason.
    ///
    /// - Returns: whether CANCEL has to be sent.
    mutating func recall(_ reason: Recall, now: Duration) -> Bool {
        defer { recall = reason }
        guard recall == nil else { return false }
        recalledAt = now
        return true
    }
}
