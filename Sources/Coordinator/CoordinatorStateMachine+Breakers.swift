// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Breakers for workers that fail one image after another.
extension CoordinatorStateMachine {
    /// Records a failure of a worker; too many within the window put it in quarantine.
    mutating func strike(_ worker: WorkerNumber, reason: String, now: Duration) {
        guard !workers[worker].isGone else { return }
        // A failure is forgotten after a while, but not before the worker did a step again.
        let (window, lastStep) = (tolerance.strikeWindow, workers[worker].lastStep)
        workers[worker].strikes.removeAll { $0 + window <= now && $0 < lastStep }
        workers[worker].strikes.append(now)
        let count = workers[worker].strikes.count
        guard workers[worker].isOnProbation || count >= tolerance.strikeCountMax else { return }
        isolate(worker, reason: reason, now: now)
    }

    /// Puts a worker in quarantine, or out of the cluster after too many.
    mutating func isolate(_ worker: WorkerNumber, reason: String, now: Duration) {
        if workers[worker].quarantineCount < tolerance.probeCountMax {
            quarantine(worker, reason: reason, now: now)
        } else {
            let count = workers[worker].quarantineCount
            let prefix = count == 0 ? "" : "it failed \(count) probes: "
            giveUp(worker, reason: prefix + reason, now: now)
        }
    }

    /// Gives a worker nothing for a while; then it gets one image to show that it is sound.
    private mutating func quarantine(_ worker: WorkerNumber, reason: String, now: Duration) {
        let pause = tolerance.quarantine * (1 << min(workers[worker].quarantineCount, 16))
        workers[worker].quarantineCount += 1
        workers[worker].isOnProbation = true
        workers[worker].strikes = []
        workers[worker].pausedUntil = max(workers[worker].pausedUntil ?? .zero, now + pause)
        for held in workers[worker].leases where held.isWaiting {
            recall(held.lease, of: worker, .moved)
        }
        actions.append(
            .report(
                .workerQuarantined(
                    worker: workers[worker].name, reason: reason, seconds: pause.seconds)))
    }

    /// The result of a probe ends the probation.
    mutating func provedSound(_ worker: WorkerNumber) {
        guard workers[worker].isOnProbation else { return }
        workers[worker].quarantineCount = 0
        workers[worker].isOnProbation = false
        workers[worker].disputedImage = nil
        actions.append(.report(.workerReturned(worker: workers[worker].name)))
    }

    /// What a worker's result differed from could not be decoded.
    mutating func vindicate(_ worker: WorkerNumber) {
        workers[worker].disputedImage = nil
        guard !workers[worker].isGone, workers[worker].isOnProbation else { return }
        workers[worker].isOnProbation = false
        workers[worker].quarantineCount = max(0, workers[worker].quarantineCount - 1)
        workers[worker].pausedUntil = nil
        actions.append(.report(.workerReturned(worker: workers[worker].name)))
    }
}
