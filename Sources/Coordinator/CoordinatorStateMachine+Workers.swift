// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Workers: reached, greeted, watched, lost.
extension CoordinatorStateMachine {
    mutating func connect(_ index: Int) {
        let id = nextConnection
        nextConnection += 1
        workers[index].phase = .connecting
        workers[index].connection = id
        actions.append(.connect(id, workers[index].address))
    }

    mutating func connected(_ id: ConnectionID, _ index: Int, now: Duration) {
        guard workers[index].phase == .connecting else { return }
        workers[index].phase = .greeting(deadline: now + timeouts.handshake)
        actions.append(.send(id, .hello(node)))
    }

    mutating func received(
        _ message: Message, from index: Int, on id: ConnectionID, now: Duration
    ) {
        workers[index].watch.heard(now: now)
        switch (workers[index].phase, message) {
        case (_, .ping(let number)): actions.append(.send(id, .pong(number)))
        case (_, .pong): break
        case (.greeting, .welcome(let node)): welcomed(by: node, index, on: id, now: now)
        case (.greeting, .refuse(let reason)), (.ready, .refuse(let reason)):
            refused(index, reason, now: now)
        case (.ready, .progress(let report)): progressed(report, index, on: id, now: now)
        case (.ready, .result(let result)): arrived(result, from: index, on: id, now: now)
        case (.ready, .ackConfirm): break
        case (.ready, .nak(let lease, let reason)):
            givenBack(lease, reason, by: index, on: id, now: now)
        case (.ready, .term(let lease, let reason)): terminated(lease, reason, by: index, now: now)
        case (.ready, .drain): workers[index].isDraining = true
        case (.ready, .goodbye(let reason)), (.greeting, .goodbye(let reason)):
            let staysAway = reason.code == .draining || !reason.code.isRetryable
            if staysAway { workers[index].failureCount = configuration.workerFailureCountMax }
            actions.append(.finish(id))
            lose(index, reason: reason.text, now: now)
        default: malformed(.outOfOrder(message.type), from: index, on: id, now: now)
        }
    }

    mutating func malformed(
        _ error: WireError, from index: Int, on id: ConnectionID, now: Duration
    ) {
        if case .stranger = error {
            actions.append(.finish(id))
            retire(index, reason: error.description)
            return
        }
        actions.append(.send(id, .goodbye(WireReason(error.code, error.description))))
        actions.append(.finish(id))
        if case .unsupportedProtocol = error {
            retire(index, reason: error.description)
        } else {
            lose(index, reason: error.description, now: now)
        }
    }

    /// Takes a worker's leases back and decides whether to try it again.
    mutating func lose(_ index: Int, reason: String, now: Duration) {
        let wasDismissed = workers[index].isGone
        workers[index].connection = nil
        takeBackLeases(of: index, reason: reason)
        guard !wasDismissed else { return }
        workers[index].failureCount += 1
        let failureCount = workers[index].failureCount
        let willRetry = failureCount < configuration.workerFailureCountMax && openCount > 0
        if willRetry {
            let pause = timeouts.reconnect * (1 << min(failureCount - 1, 16))
            workers[index].phase = .waiting(until: now + min(pause, timeouts.reconnectMax))
        } else {
            workers[index].phase = .gone(reason: reason)
        }
        actions.append(
            .report(
                .workerLost(worker: workers[index].name, reason: reason, willRetry: willRetry)))
    }

    /// Says goodbye to everyone: no image needs them any more.
    mutating func dismissWorkers() {
        for index in workers.indices where !workers[index].isGone {
            if let id = workers[index].connection {
                actions.append(.send(id, .goodbye(WireReason(.finished, "the run is over"))))
                actions.append(.finish(id))
            }
            workers[index].phase = .gone(reason: "the run is over")
            workers[index].connection = nil
            workers[index].leases = []
        }
    }

    mutating func tick(now: Duration) {
        for index in workers.indices {
            switch workers[index].phase {
            case .waiting(let until) where now >= until: connect(index)
            case .greeting(let deadline) where now >= deadline:
                cut(
                    index, reason: "it did not answer within \(timeouts.handshake.seconds) s", now
                )
            case .ready: check(index, now: now)
            case .waiting, .greeting, .connecting, .gone: break
            }
        }
    }

    private mutating func check(_ index: Int, now: Duration) {
        if let until = workers[index].pausedUntil, now >= until { workers[index].pausedUntil = nil }
        let patience = workers[index].patience(timeouts: timeouts)
        if !workers[index].leases.isEmpty, now >= workers[index].lastProgress + patience {
            cut(index, reason: "no step progress for \(patience.seconds) s", now)
            return
        }
        switch workers[index].watch.check(now: now) {
        case .fine: break
        case .gone: cut(index, reason: "it was silent for \(timeouts.idle.seconds) s", now)
        case .ping:
            guard let id = workers[index].connection else { return }
            actions.append(.send(id, .ping(UInt64(now.components.seconds))))
        }
    }

    private mutating func cut(_ index: Int, reason: String, _ now: Duration) {
        if let id = workers[index].connection { actions.append(.abort(id, reason: reason)) }
        lose(index, reason: reason, now: now)
    }

    private mutating func welcomed(
        by worker: NodeDescription, _ index: Int, on id: ConnectionID, now: Duration
    ) {
        let twin = workers.firstIndex {
            $0.phase == .ready && $0.node?.instance == worker.instance
        }
        if worker.model != node.model {
            let difference = worker.model.difference(from: node.model)
            let reason = "it has another model: \(difference); start it with this run's --model"
            turnAway(index, on: id, .modelMismatch, reason)
            return
        }
        if let twin {
            turnAway(index, on: id, .unexpectedMessage, "it is \(workers[twin].name) once more")
            return
        }
        workers[index].phase = .ready
        workers[index].node = worker
        workers[index].busySince = nil
        workers[index].isDraining = false
        workers[index].pausedUntil = nil
        workers[index].lastProgress = now
        workers[index].watch = PeerWatch(timeouts: timeouts, now: now)
        let description = WorkerDescription(
            name: worker.name, build: worker.build, kernelClass: worker.kernelClass,
            coreCount: worker.coreCount, memoryByteCount: worker.memoryByteCount)
        actions.append(.report(.workerJoined(worker: workers[index].name, description)))
    }

    private mutating func turnAway(
        _ index: Int, on id: ConnectionID, _ code: WireErrorCode, _ reason: String
    ) {
        actions.append(.send(id, .refuse(WireReason(code, reason))))
        actions.append(.finish(id))
        retire(index, reason: reason)
    }

    private mutating func refused(_ index: Int, _ reason: WireReason, now: Duration) {
        if let id = workers[index].connection { actions.append(.finish(id)) }
        let isBusy = reason.code == .busy || reason.code == .tooManyConnections
        guard isBusy else {
            if reason.code.isRetryable && reason.code != .draining {
                lose(index, reason: reason.text, now: now)
            } else {
                retire(index, reason: reason.text)
            }
            return
        }
        let since = workers[index].busySince ?? now
        if workers[index].busySince == nil {
            actions.append(
                .report(.workerBusy(worker: workers[index].name, reason: reason.text)))
        }
        guard now - since < timeouts.busyMax else {
            retire(index, reason: reason.text)
            return
        }
        takeBackLeases(of: index, reason: reason.text)
        workers[index].connection = nil
        workers[index].busySince = since
        let pause = Duration.milliseconds(max(10, reason.retryAfterMilliseconds))
        workers[index].phase = .waiting(until: now + pause)
    }

    private mutating func retire(_ index: Int, reason: String) {
        workers[index].connection = nil
        takeBackLeases(of: index, reason: reason)
        workers[index].phase = .gone(reason: reason)
        actions.append(.report(.workerRefused(worker: workers[index].name, reason: reason)))
    }

    /// A worker that fails one image after another does more harm than good.
    mutating func retireIfFailing(_ index: Int, on id: ConnectionID, reason: String) {
        workers[index].failureCount += 1
        let failureCount = workers[index].failureCount
        guard failureCount >= configuration.workerFailureCountMax else { return }
        turnAway(index, on: id, .workerFailed, "\(failureCount) failures in a row: \(reason)")
    }

    private mutating func takeBackLeases(of index: Int, reason: String) {
        let leases = workers[index].leases
        workers[index].leases = []
        for held in leases {
            // A worker that never began an image is not to blame for it, nor is the image.
            if held.isStarted && !held.isRevoked {
                attemptFailed(held.lease, by: index, reason: reason)
            } else {
                requeue(Int(held.lease.item))
            }
        }
    }
}
