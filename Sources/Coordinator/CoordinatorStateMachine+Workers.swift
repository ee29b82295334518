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
        workerOfConnection[id] = index
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
        if has(.leaseByHeartbeat) { workers[index].lastProgress = now }
        if workers[index].phase == .ready, let lease = message.lease,
            !isFair(lease, in: message.type, from: index)
        {
            let reason = "it sent \(message.type) for \(lease), a lease that it was not given"
            breached(index, on: id, .unexpectedMessage, reason, now: now)
            return
        }
        switch (workers[index].phase, message) {
        case (_, .ping(let number)): actions.append(.send(id, .pong(number)))
        case (_, .pong): break
        case (.greeting, .welcome(let node)): welcomed(by: node, index, on: id, now: now)
        case (.greeting, .refuse(let reason)), (.ready, .refuse(let reason)):
            refused(index, reason, now: now)
        case (.ready, .progress(let report)): progressed(report, index, on: id, now: now)
        case (.ready, .checkpoint(let lease, let checkpoint)):
            saved(lease, checkpoint, by: index)
        case (.ready, .picture(let lease, let picture)):
            pictured(lease, picture, by: index, now: now)
        case (.ready, .result(let result)): arrived(result, from: index, on: id, now: now)
        case (.ready, .ackConfirm): break
        case (.ready, .nak(let lease, let reason)):
            givenBack(lease, reason, by: index, now: now)
        case (.ready, .term(let lease, let reason)): terminated(lease, reason, by: index, now: now)
        case (.ready, .drain): workers[index].isDraining = true
        case (.ready, .goodbye(let reason)), (.greeting, .goodbye(let reason)):
            actions.append(.finish(id))
            lose(
                index, reason: reason.text, isOrderly: reason.code == .draining,
                staysAway: !reason.code.isRetryable, now: now)
        default: malformed(.outOfOrder(message.type), from: index, on: id, now: now)
        }
    }

    /// Takes a worker's leases back and decides whether to try it again.
    ///
    /// - Parameters:
    ///   - isOrderly: it was stopped and may be started again; nothing it held is to blame.
    ///   - staysAway: it will not have us any more.
    ///   - isBreach: it was let go for what it said: its own failure, whatever it held.
    mutating func lose(
        _ index: Int, reason: String, isOrderly: Bool = false, staysAway: Bool = false,
        isBreach: Bool = false, now: Duration
    ) {
        let wasDismissed = workers[index].isGone
        let wasReady = workers[index].phase == .ready
        let heldImages = workers[index].leases.contains(where: \.isLive)
        workers[index].connection = nil
        workers[index].picture = nil
        guard !wasDismissed else { return }
        takeBackLeases(
            of: index, reason: reason, isEvidence: !isBreach || has(.blameImages), now: now)
        if isOrderly {
            settleLosses(of: index, hasEnded: false, now: now)
        } else if wasReady, isBreach || heldImages && !staysAway {
            strike(index, reason: reason, now: now)
        }
        if workers[index].isGone { return }
        if workers[index].lossCount == 0 { workers[index].lostSince = now }
        workers[index].lossCount += 1
        let isAwaited = isAwaited(index, now: now)
        let mayReturn = !staysAway && openCount > 0 && (isAwaited || mayComeLate(index, now: now))
        if !isAwaited || !mayReturn {
            settleLosses(of: index, hasEnded: !staysAway, now: now)
        }
        if mayReturn {
            let doublings = min(workers[index].lossCount - 1, 16)
            let pause = min(timeouts.reconnect * (1 << doublings), timeouts.reconnectMax)
            let time = max(now + pause, workers[index].pausedUntil ?? .zero)
            workers[index].phase = .waiting(until: time)
        } else {
            workers[index].phase = .gone(reason: reason)
        }
        // Not once for each attempt to reach it.
        guard !mayReturn || !workers[index].isLossReported else { return }
        workers[index].isLossReported = true
        actions.append(
            .report(
                .workerLost(worker: workers[index].name, reason: reason, willRetry: mayReturn)))
    }

    /// Machines that reboot and pods that are still being started come while others move on.
    private func mayComeLate(_ index: Int, now: Duration) -> Bool {
        tolerance.triesWhileOthersWork
            && workers.indices.contains { other in
                other != index && !workers[other].isGone
                    && (workers[other].lossCount == 0 && workers[other].phase == .ready
                        || isAwaited(other, now: now))
            }
    }

    /// A worker that was never there gets a few attempts, one that was gets some time.
    func isAwaited(_ index: Int, now: Duration) -> Bool {
        if workers[index].lossCount < tolerance.connectCountMax { return true }
        return workers[index].node != nil
            && now - workers[index].lostSince < tolerance.reconnectWindow
    }

    /// Says goodbye to everyone: no image needs them any more.
    mutating func dismissWorkers() {
        for index in workers.indices where !workers[index].isGone {
            if let id = workers[index].connection {
                actions.append(.send(id, .goodbye(WireReason(.finished, "the run is over"))))
                actions.append(.finish(id))
            }
            workers[index].phase = .gone(reason: "the run is over")
            workers[index].isDismissed = true
            workers[index].connection = nil
            workers[index].picture = nil
            workers[index].leases = []
        }
    }

    /// An image is open again: workers that were said goodbye to are needed after all.
    mutating func callBack(now: Duration) {
        for index in workers.indices where workers[index].isDismissed {
            workers[index].isDismissed = false
            workers[index].phase = .waiting(until: now + timeouts.reconnect)
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

    /// Whether a result of a worker is still being stored.
    func awaitsOurWord(_ index: Int) -> Bool {
        storing.values.contains { stored in
            stored.waiting.contains { $0.connection == workers[index].connection }
        }
    }

    /// Lets workers go that are being stopped and hold nothing any more; they may be started again.
    mutating func releaseDrained(now: Duration) {
        for index in workers.indices
        where workers[index].isDraining && workers[index].phase == .ready
            && workers[index].leases.isEmpty && !awaitsOurWord(index)
        {
            let reason = WireReason(.draining, "it was stopped")
            if let id = workers[index].connection {
                actions.append(.send(id, .goodbye(reason)))
                actions.append(.finish(id))
            }
            lose(index, reason: reason.text, isOrderly: true, now: now)
        }
    }

    private mutating func check(_ index: Int, now: Duration) {
        if let until = workers[index].pausedUntil, now >= until { workers[index].pausedUntil = nil }
        let patience = workers[index].patience(timeouts: timeouts, stepWork: stepWork)
        if !workers[index].leases.isEmpty, now >= workers[index].lastProgress + patience {
            if awaitsOurWord(index), workers[index].runningLease?.isStarted == false {
                // It begins nothing new while too many of its results are not acknowledged.
                workers[index].lastProgress = now
            } else {
                expireLeases(of: index, patience: patience, now: now)
            }
        }
        guard workers[index].phase == .ready else { return }
        expireRecalls(of: index, now: now)
        switch workers[index].watch.check(now: now) {
        case .fine: break
        case .gone: cut(index, reason: "it was silent for \(timeouts.idle.seconds) s", now)
        case .ping:
            guard let id = workers[index].connection else { return }
            actions.append(.send(id, .ping(UInt64(now.components.seconds))))
        }
    }

    mutating func cut(_ index: Int, reason: String, _ now: Duration) {
        if let id = workers[index].connection { actions.append(.abort(id, reason: reason)) }
        lose(index, reason: reason, now: now)
    }

    private mutating func welcomed(
        by worker: NodeDescription, _ index: Int, on id: ConnectionID, now: Duration
    ) {
        // To a worker a second connection of one run is the first one come back, and it cuts the
        // first: so whoever knew it first keeps it, connected or not.
        let twin = workers.indices.first {
            $0 != index && !workers[$0].isGone && workers[$0].node?.instance == worker.instance
        }
        if worker.model != node.model {
            let difference = worker.model.difference(from: node.model)
            let reason = "it has another model: \(difference); start it with this run's --model"
            turnAway(index, on: id, .modelMismatch, reason, now: now)
            return
        }
        if let twin {
            let reason = "it is \(workers[twin].name) once more"
            turnAway(index, on: id, .unexpectedMessage, reason, now: now)
            return
        }
        let isSameProcess = workers[index].node?.instance == worker.instance
        settleLosses(of: index, hasEnded: !isSameProcess, now: now)
        if !isSameProcess { forgetPuzzles(of: index) }
        workers[index].phase = .ready
        workers[index].node = worker
        workers[index].isLossReported = false
        workers[index].busySince = nil
        workers[index].isDraining = false
        if !workers[index].isOnProbation { workers[index].pausedUntil = nil }
        workers[index].lastProgress = now
        workers[index].watch = PeerWatch(timeouts: timeouts, now: now)
        let description = WorkerDescription(
            name: worker.name, build: worker.build, kernelClass: worker.kernelClass,
            coreCount: worker.coreCount, memoryByteCount: worker.memoryByteCount)
        actions.append(.report(.workerJoined(worker: workers[index].name, description)))
    }

    private mutating func turnAway(
        _ index: Int, on id: ConnectionID, _ code: WireErrorCode, _ reason: String, now: Duration
    ) {
        actions.append(.send(id, .refuse(WireReason(code, reason))))
        actions.append(.finish(id))
        retire(index, reason: reason, now: now)
    }

    private mutating func refused(_ index: Int, _ reason: WireReason, now: Duration) {
        if let id = workers[index].connection { actions.append(.finish(id)) }
        let isBusy = reason.code == .busy || reason.code == .tooManyConnections
        guard isBusy else {
            if reason.code.isRetryable {
                lose(
                    index, reason: reason.text, isOrderly: reason.code == .draining, now: now)
            } else {
                retire(index, reason: reason.text, now: now)
            }
            return
        }
        let since = workers[index].busySince ?? now
        if workers[index].busySince == nil {
            actions.append(
                .report(.workerBusy(worker: workers[index].name, reason: reason.text)))
        }
        guard now - since < timeouts.busyMax else {
            retire(index, reason: reason.text, now: now)
            return
        }
        takeBackLeases(of: index, reason: reason.text, now: now)
        // Whoever it works for now, it lives.
        settleLosses(of: index, hasEnded: false, now: now)
        workers[index].connection = nil
        workers[index].busySince = since
        let asked = Duration.milliseconds(reason.retryAfterMilliseconds)
        let pause = has(.redialAtOnce) ? asked : max(timeouts.busyRetry, asked)
        workers[index].phase = .waiting(until: now + pause)
    }

    mutating func retire(_ index: Int, reason: String, now: Duration) {
        let spoke = workers[index].connection != nil
        workers[index].connection = nil
        takeBackLeases(of: index, reason: reason, now: now)
        workers[index].phase = .gone(reason: reason)
        settleLosses(of: index, hasEnded: !spoke, now: now)
        actions.append(.report(.workerRefused(worker: workers[index].name, reason: reason)))
    }

    /// A worker that fails one probe after another does more harm than good.
    mutating func giveUp(_ index: Int, reason: String, now: Duration) {
        guard let id = workers[index].connection else {
            retire(index, reason: reason, now: now)
            return
        }
        turnAway(index, on: id, .workerFailed, reason, now: now)
    }
}
