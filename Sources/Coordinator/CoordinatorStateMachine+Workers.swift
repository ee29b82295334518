// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Workers: connected, greeted, watched, dismissed.
extension CoordinatorStateMachine {
    mutating func connect(_ worker: WorkerNumber) {
        let id = workers.connect(worker)
        actions.append(.connect(id, workers[worker].address))
    }

    mutating func connected(_ id: ConnectionID, _ worker: WorkerNumber, now: Duration) {
        guard workers[worker].phase == .connecting else { return }
        workers[worker].greet(until: now + timeouts.handshake)
        actions.append(.send(id, .hello(node)))
    }

    mutating func received(
        _ message: Message, from worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        workers[worker].watch.heard(now: now)
        if has(.leaseByHeartbeat) { workers[worker].lastProgress = now }
        if workers[worker].phase == .ready, let lease = message.lease,
            !isFair(lease, in: message.type, from: worker)
        {
            let reason = "it sent \(message.type) for \(lease), a lease that it was not given"
            breached(worker, on: id, .unexpectedMessage, reason, now: now)
            return
        }
        switch (workers[worker].phase, message) {
        case (_, .ping(let number)): actions.append(.send(id, .pong(number)))
        case (_, .pong): break
        case (.greeting, .welcome(let node)): welcomed(by: node, worker, on: id, now: now)
        case (.greeting, .refuse(let reason)), (.ready, .refuse(let reason)):
            refused(worker, reason, now: now)
        case (.ready, .progress(let report)): progressed(report, worker, on: id, now: now)
        case (.ready, .checkpoint(let lease, let checkpoint)):
            saved(lease, checkpoint, by: worker)
        case (.ready, .preview(let lease, let preview)):
            previewed(lease, preview, by: worker, on: id, now: now)
        case (.ready, .picture(let lease, let picture)):
            pictured(lease, picture, by: worker, now: now)
        case (.ready, .result(let result)): arrived(result, from: worker, on: id, now: now)
        case (.ready, .ackConfirm): break
        case (.ready, .nak(let lease, let reason)):
            givenBack(lease, reason, by: worker, now: now)
        case (.ready, .term(let lease, let reason)):
            terminated(lease, reason, by: worker, now: now)
        case (.ready, .drain): workers[worker].isDraining = true
        case (.ready, .goodbye(let reason)), (.greeting, .goodbye(let reason)):
            actions.append(.finish(id))
            lose(
                worker, reason: reason.text, isOrderly: reason.code == .draining,
                staysAway: !reason.code.isRetryable, now: now)
        default: malformed(.outOfOrder(message.type), from: worker, on: id, now: now)
        }
    }

    private mutating func welcomed(
        by peer: NodeDescription, _ worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        // To a worker a second connection of one run is the first one come back, and it cuts the
        // first: so the address that had it first keeps it, connected or not.
        let twin = workers.numbers.first {
            $0 != worker && !workers[$0].isGone && workers[$0].node?.instance == peer.instance
        }
        if !peer.model.samplesLike(node.model) {
            let difference = peer.model.difference(from: node.model)
            let reason =
                "it has another model: \(difference); start it with this run's "
                + "--model, --lora and --embd-dir"
            turnAway(worker, on: id, .modelMismatch, reason, now: now)
            return
        }
        if let twin {
            let reason = "it is the same process as \(workers[twin].name)"
            turnAway(worker, on: id, .unexpectedMessage, reason, now: now)
            return
        }
        let isSameProcess = workers[worker].node?.instance == peer.instance
        settleLosses(of: worker, hasEnded: !isSameProcess, now: now)
        if !isSameProcess { forgetNotUnderstood(of: worker) }
        workers[worker].welcome(peer, timeouts: timeouts, now: now)
        let description = WorkerDescription(
            name: peer.name, build: peer.build, kernelClass: peer.kernelClass,
            coreCount: peer.coreCount, memoryByteCount: peer.memoryByteCount,
            pictureCount: peer.pictureCount)
        actions.append(.report(.workerJoined(worker: workers[worker].name, description)))
    }

    // MARK: Time

    mutating func tick(now: Duration) {
        for worker in workers.numbers {
            switch workers[worker].phase {
            case .waiting(let until) where now >= until: connect(worker)
            case .greeting(let deadline) where now >= deadline:
                cut(
                    worker, reason: "it did not answer within \(timeouts.handshake.seconds) s", now
                )
            case .ready: check(worker, now: now)
            case .waiting, .greeting, .connecting, .gone: break
            }
        }
    }

    private mutating func check(_ worker: WorkerNumber, now: Duration) {
        if let until = workers[worker].pausedUntil, now >= until {
            workers[worker].pausedUntil = nil
        }
        let patience = workers[worker].patience(timeouts: timeouts)
        if workers[worker].hasParallelImages {
            expireStalledLeases(of: worker, now: now)
        } else if !workers[worker].leases.isEmpty, now >= workers[worker].lastProgress + patience {
            if images.isStoring(for: workers[worker].connection),
                workers[worker].runningLease?.isStarted == false
            {
                // It begins nothing new while too many of its results are not acknowledged.
                workers[worker].lastProgress = now
            } else {
                expireLeases(of: worker, patience: patience, now: now)
            }
        }
        guard workers[worker].phase == .ready else { return }
        expireRecalls(of: worker, now: now)
        switch workers[worker].watch.check(now: now) {
        case .fine: break
        case .gone: cut(worker, reason: "it was silent for \(timeouts.idle.seconds) s", now)
        case .ping:
            guard let id = workers[worker].connection else { return }
            actions.append(.send(id, .ping(UInt64(now.components.seconds))))
        }
    }

    // MARK: Goodbyes

    /// Says goodbye to all workers: no image needs them any more.
    mutating func dismissWorkers() {
        for worker in workers.numbers where !workers[worker].isGone {
            if let id = workers[worker].connection {
                actions.append(.send(id, .goodbye(WireReason(.finished, "the run is over"))))
                actions.append(.finish(id))
            }
            _ = workers[worker].disconnect()
            workers[worker].leave(reason: "the run is over", isDismissed: true)
        }
    }

    /// An image is open again: workers that were dismissed are needed after all.
    mutating func callBack(now: Duration) {
        for worker in workers.numbers where workers[worker].isDismissed {
            workers[worker].wait(until: now + timeouts.reconnect)
        }
    }

    /// Releases workers that are being stopped and hold nothing any more; they may be started
    /// again.
    mutating func releaseDrained(now: Duration) {
        for worker in workers.numbers
        where workers[worker].isDraining && workers[worker].phase == .ready
            && workers[worker].leases.isEmpty && !images.isStoring(for: workers[worker].connection)
        {
            let reason = WireReason(.draining, "it was stopped")
            if let id = workers[worker].connection {
                actions.append(.send(id, .goodbye(reason)))
                actions.append(.finish(id))
            }
            lose(worker, reason: reason.text, isOrderly: true, now: now)
        }
    }

    /// Reasons per worker that can't be used any more.
    package var lostWorkers: [String] {
        workers.numbers.compactMap { worker in
            guard case .gone(let reason) = workers[worker].phase else { return nil }
            return "\(workers[worker].address): \(reason)"
        }
    }
}
