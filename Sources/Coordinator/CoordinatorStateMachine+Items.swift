// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Images: tried again, failed.
extension CoordinatorStateMachine {
    /// Books a failed attempt: the image waits for another, or has had its last.
    mutating func attemptFailed(
        _ held: HeldLease, by index: Int, reason: String, isLoss: Bool = false, now: Duration
    ) {
        let item = held.item
        guard items[item].status == .leased else { return }
        let failure = AttemptFailure(
            worker: workers[index].name, attempt: held.lease.attempt, reason: reason)
        items[item].failedWorkers.insert(index)
        distrustCheckpoint(of: held)
        // A worker on probation is more likely to blame than the image.
        if !held.isProbe {
            items[item].failures.append(failure)
            if isLoss { items[item].lostAttempts.insert(held.lease.attempt) }
        }
        items[item].liveCount -= 1
        guard items[item].liveCount == 0 else { return }
        let isExhausted =
            items[item].chargedCount >= tolerance.attemptCountMax
            || items[item].lostAttempts.count >= tolerance.lossCountMax
        if isExhausted, !has(.retryForever) {
            let last = items[item].failures.removeLast()
            fail(item, last)
            return
        }
        items[item].notBefore = retryTime(of: item, now: now)
        requeue(item)
        actions.append(.report(.retried(item: item, failure: failure)))
        failIfPoisonous(item)
    }

    /// A lease ended through nobody's fault; without another one the image waits again.
    mutating func letGo(_ item: Int) {
        guard items[item].status == .leased else { return }
        items[item].liveCount -= 1
        guard items[item].liveCount == 0 else { return }
        requeue(item)
        failIfPoisonous(item)
    }

    mutating func requeue(_ item: Int) {
        items[item].status = .pending
        let position = retries.firstIndex { $0 > item } ?? retries.endIndex
        retries.insert(item, at: position)
    }

    mutating func fail(_ item: Int, _ failure: AttemptFailure) {
        items[item].status = .failed
        items[item].failures.append(failure)
        openCount -= 1
        settled(item)
        actions.append(.report(.failed(item: item, failures: items[item].failures)))
    }

    /// An image has its outcome.
    mutating func settled(_ item: Int) {
        retries.removeAll { $0 == item }
        checkpoints[item] = nil
        if item == nextFresh { skipSettled(from: item + 1) }
        voidLeases(of: item)
    }
}
