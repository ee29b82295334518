// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Workers that send what no sound one sends: the connection ends, and it counts against them.
extension CoordinatorStateMachine {
    /// Whether a worker may name a lease: this process was given it, in this session or an earlier
    /// one.
    func wasGranted(_ lease: Lease, to worker: WorkerNumber) -> Bool {
        // What it holds is known without a look at the tag.
        if workers[worker].held(lease) != nil { return true }
        let askers = has(.honourAnyones) ? workers.numbers : [worker]
        return askers.contains { asker in
            workers[asker].node.map { mint.isGenuine(lease, of: $0.instance) } ?? false
        }
    }

    func isFair(_ lease: Lease, in type: MessageType, from worker: WorkerNumber) -> Bool {
        wasGranted(lease, to: worker) || has(.skipFencing)
            || has(.keepUnfenced) && type == .checkpoint
    }

    /// Ends the connection of a worker that broke the rules.
    mutating func breached(
        _ worker: WorkerNumber, on id: ConnectionID, _ code: WireErrorCode, _ reason: String,
        now: Duration
    ) {
        actions.append(.send(id, .goodbye(WireReason(code, reason))))
        actions.append(.finish(id))
        lose(worker, reason: reason, isBreach: true, now: now)
    }

    /// Ends a connection on which something came that is no message, or none that fits.
    mutating func malformed(
        _ error: WireError, from worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        switch error {
        case .notUnderstood:
            // A newer worker's checkpoint: without it nothing is lost but steps.
            workers[worker].watch.heard(now: now)
        case .stranger:
            actions.append(.finish(id))
            retire(worker, reason: error.description, now: now)
        case .unsupportedProtocol:
            actions.append(.send(id, .goodbye(WireReason(error.code, error.description))))
            actions.append(.finish(id))
            retire(worker, reason: error.description, now: now)
        default: breached(worker, on: id, error.code, error.description, now: now)
        }
    }

    /// Why a result can't be that of its image; `nil` if it can.
    func problem(of result: LatentResult, for image: ImageNumber) -> String? {
        let format = configuration.latents
        let shape =
            has(.takeAnyShape)
            ? nil : format.shapeProblem(of: result.latents, for: images[image].request)
        return shape ?? (has(.takeAnyValue) ? nil : format.valueProblem(of: result.latents))
    }

    /// A result can't be that of its image: the image gets another attempt, the worker a strike.
    ///
    /// It is not acknowledged; the goodbye has the worker forget it.
    mutating func misfit(
        _ lease: Lease, _ held: HeldLease?, from worker: WorkerNumber, on id: ConnectionID,
        reason: String, now: Duration
    ) {
        if let held, held.isLive { attemptFailed(held, by: worker, reason: reason, now: now) }
        dropCheckpoints(madeBy: worker)
        breached(worker, on: id, .malformedFrame, "\(lease): \(reason)", now: now)
    }
}
