// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Workers that say what no sound one says: the connection ends, and it counts against the worker.
extension CoordinatorStateMachine {
    /// Whether a worker may speak of a lease: this process was given it, in this session of the run
    /// or an earlier one.
    func wasGranted(_ lease: Lease, to index: Int) -> Bool {
        guard items.indices.contains(Int(lease.item)) else { return false }
        // What it holds is known without a look at the tag.
        if workers[index].leases.contains(where: { $0.lease == lease }) { return true }
        let askers = has(.honourAnyones) ? Array(workers.indices) : [index]
        return askers.contains { asker in
            workers[asker].node.map { mint.isGenuine(lease, of: $0.instance) } ?? false
        }
    }

    func isFair(_ lease: Lease, in type: MessageType, from index: Int) -> Bool {
        wasGranted(lease, to: index) || has(.skipFencing)
            || has(.keepUnfenced) && type == .checkpoint
    }

    /// Ends the connection of a worker that broke the rules.
    mutating func breached(
        _ index: Int, on id: ConnectionID, _ code: WireErrorCode, _ reason: String, now: Duration
    ) {
        actions.append(.send(id, .goodbye(WireReason(code, reason))))
        actions.append(.finish(id))
        lose(index, reason: reason, isBreach: true, now: now)
    }

    /// Ends a connection on which something came that is no message, or none that fits.
    mutating func malformed(
        _ error: WireError, from index: Int, on id: ConnectionID, now: Duration
    ) {
        switch error {
        case .notUnderstood:
            // A newer worker's checkpoint: without it nothing is lost but steps.
            workers[index].watch.heard(now: now)
        case .stranger:
            actions.append(.finish(id))
            retire(index, reason: error.description, now: now)
        case .unsupportedProtocol:
            actions.append(.send(id, .goodbye(WireReason(error.code, error.description))))
            actions.append(.finish(id))
            retire(index, reason: error.description, now: now)
        default: breached(index, on: id, error.code, error.description, now: now)
        }
    }

    /// Why a result can't be that of its image; `nil` if it can.
    func problem(of result: LatentResult) -> String? {
        let (format, request) = (configuration.latents, requests[Int(result.lease.item)])
        let shape =
            has(.takeAnyShape)
            ? nil : format.shapeProblem(of: result.latents, for: request)
        return shape ?? (has(.takeAnyValue) ? nil : format.valueProblem(of: result.latents))
    }

    /// A result can't be that of its image: the image gets another attempt, the worker a strike.
    ///
    /// It is not acknowledged; the goodbye has the worker forget it.
    mutating func misfit(
        _ lease: Lease, _ held: HeldLease?, from index: Int, on id: ConnectionID, reason: String,
        now: Duration
    ) {
        if let held, held.isLive { attemptFailed(held, by: index, reason: reason, now: now) }
        dropCheckpoints(madeBy: index)
        breached(index, on: id, .malformedFrame, "\(lease): \(reason)", now: now)
    }
}
