// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Workers that are not there: lost, busy, refused; tried again or out of the cluster.
extension CoordinatorStateMachine {
    /// Ends a worker's connection and decides whether to try it again.
    ///
    /// - Parameters:
    ///   - isOrderly: it was stopped and may be started again; nothing it held is to blame.
    ///   - staysAway: it does not accept this coordinator any more.
    ///   - isBreach: it was disconnected for a breach: its own failure, whatever it held.
    mutating func lose(
        _ worker: WorkerNumber, reason: String, isOrderly: Bool = false, staysAway: Bool = false,
        isBreach: Bool = false, now: Duration
    ) {
        let wasReady = workers[worker].phase == .ready
        let heldImages = workers[worker].leases.contains(where: \.isLive)
        if workers[worker].isGone {
            _ = workers[worker].disconnect()
            return
        }
        disconnect(worker, reason: reason, isEvidence: !isBreach || has(.blameImages), now: now)
        if isOrderly {
            settleLosses(of: worker, hasEnded: false, now: now)
        } else if wasReady, isBreach || heldImages && !staysAway {
            strike(worker, reason: reason, now: now)
        }
        if workers[worker].isGone { return }
        if workers[worker].lossCount == 0 { workers[worker].lostSince = now }
        workers[worker].lossCount += 1
        let isAwaited = isAwaited(worker, now: now)
        let mayReturn =
            !staysAway && isWorkExpected && (isAwaited || mayComeLate(worker, now: now))
        if !isAwaited || !mayReturn {
            settleLosses(of: worker, hasEnded: !staysAway, now: now)
        }
        if mayReturn {
            redial(worker, now: now)
        } else {
            workers[worker].leave(reason: reason)
        }
        // Not once for each attempt to connect.
        guard !mayReturn || !workers[worker].isLossReported else { return }
        workers[worker].isLossReported = true
        actions.append(
            .report(
                .workerLost(worker: workers[worker].name, reason: reason, willRetry: mayReturn)))
    }

    /// Aborts a worker's connection.
    mutating func cut(_ worker: WorkerNumber, reason: String, _ now: Duration) {
        if let id = workers[worker].connection { actions.append(.abort(id, reason: reason)) }
        lose(worker, reason: reason, now: now)
    }

    /// Machines that reboot and pods that are still being started come while others work, or while
    /// more batches may come.
    private func mayComeLate(_ worker: WorkerNumber, now: Duration) -> Bool {
        if end == .never { return true }
        return tolerance.triesWhileOthersWork
            && workers.numbers.contains { other in
                other != worker && !workers[other].isGone
                    && (workers[other].lossCount == 0 && workers[other].phase == .ready
                        || isAwaited(other, now: now))
            }
    }

    /// A worker that was never there gets a few attempts, one that was gets some time.
    func isAwaited(_ worker: WorkerNumber, now: Duration) -> Bool {
        if workers[worker].lossCount < tolerance.connectCountMax { return true }
        return workers[worker].node != nil
            && now - workers[worker].lostSince < tolerance.reconnectWindow
    }

    mutating func refused(_ worker: WorkerNumber, _ reason: WireReason, now: Duration) {
        if let id = workers[worker].connection { actions.append(.finish(id)) }
        let isBusy = reason.code == .busy || reason.code == .tooManyConnections
        guard isBusy else {
            if reason.code.isRetryable {
                lose(
                    worker, reason: reason.text, isOrderly: reason.code == .draining, now: now)
            } else {
                retire(worker, reason: reason.text, now: now)
            }
            return
        }
        let since = workers[worker].busySince ?? now
        if workers[worker].busySince == nil {
            actions.append(
                .report(.workerBusy(worker: workers[worker].name, reason: reason.text)))
        }
        // While batches may come, it is waited for: the other coordinator will be done some day.
        guard end == .never || now - since < timeouts.busyMax else {
            retire(worker, reason: reason.text, now: now)
            return
        }
        disconnect(worker, reason: reason.text, now: now)
        // Whatever it works for now, it is alive.
        settleLosses(of: worker, hasEnded: false, now: now)
        workers[worker].busySince = since
        let asked = Duration.milliseconds(reason.retryAfterMilliseconds)
        let pause = has(.redialAtOnce) ? asked : max(timeouts.busyRetry, asked)
        workers[worker].wait(until: now + pause)
    }

    mutating func turnAway(
        _ worker: WorkerNumber, on id: ConnectionID, _ code: WireErrorCode, _ reason: String,
        now: Duration
    ) {
        actions.append(.send(id, .refuse(WireReason(code, reason))))
        actions.append(.finish(id))
        retire(worker, reason: reason, now: now)
    }

    /// Puts a worker out of the cluster; while batches may come, only until it may be another one:
    /// somebody will start it with this model, or mend its address.
    mutating func retire(_ worker: WorkerNumber, reason: String, now: Duration) {
        let spoke = workers[worker].connection != nil
        disconnect(worker, reason: reason, now: now)
        let mayReturn = end == .never
        if mayReturn {
            workers[worker].lossCount += 1
            redial(worker, now: now)
        } else {
            workers[worker].leave(reason: reason)
        }
        settleLosses(of: worker, hasEnded: !spoke, now: now)
        // Not once for each attempt to connect.
        guard !mayReturn || workers[worker].reportedRefusal != reason else { return }
        workers[worker].reportedRefusal = reason
        actions.append(.report(.workerRefused(worker: workers[worker].name, reason: reason)))
    }

    /// Connects to a worker again, later each time.
    private mutating func redial(_ worker: WorkerNumber, now: Duration) {
        let doublings = min(max(workers[worker].lossCount - 1, 0), 16)
        let pause = min(timeouts.reconnect * (1 << doublings), timeouts.reconnectMax)
        workers[worker].wait(until: max(now + pause, workers[worker].pausedUntil ?? .zero))
    }

    /// A worker that fails one probe after another does more harm than good.
    mutating func giveUp(_ worker: WorkerNumber, reason: String, now: Duration) {
        guard let id = workers[worker].connection else {
            retire(worker, reason: reason, now: now)
            return
        }
        turnAway(worker, on: id, .workerFailed, reason, now: now)
    }
}
