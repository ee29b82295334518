// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Breakers: for workers that fail one image after another, and for images that end workers.
extension CoordinatorStateMachine {
    // MARK: Bad workers

    /// Books a failure of a worker; too many within the window put it in quarantine.
    mutating func strike(_ index: Int, reason: String, now: Duration) {
        guard !workers[index].isGone else { return }
        // A failure is forgotten after a while, but not before the worker did a step again.
        let (window, lastStep) = (tolerance.strikeWindow, workers[index].lastStep)
        workers[index].strikes.removeAll { $0 + window <= now && $0 < lastStep }
        workers[index].strikes.append(now)
        let count = workers[index].strikes.count
        guard workers[index].isOnProbation || count >= tolerance.strikeCountMax else { return }
        isolate(index, reason: reason, now: now)
    }

    /// Puts a worker in quarantine, or out of the run after too many.
    mutating func isolate(_ index: Int, reason: String, now: Duration) {
        if workers[index].quarantineCount < tolerance.probeCountMax {
            quarantine(index, reason: reason, now: now)
        } else {
            let count = workers[index].quarantineCount
            let prefix = count == 0 ? "" : "it failed \(count) probes: "
            giveUp(index, reason: prefix + reason, now: now)
        }
    }

    /// Sends a worker to the side for a while; then it gets one image to show that it is sound.
    private mutating func quarantine(_ index: Int, reason: String, now: Duration) {
        let pause = tolerance.quarantine * (1 << min(workers[index].quarantineCount, 16))
        workers[index].quarantineCount += 1
        workers[index].isOnProbation = true
        workers[index].strikes = []
        workers[index].pausedUntil = max(workers[index].pausedUntil ?? .zero, now + pause)
        for position in workers[index].leases.indices
        where workers[index].leases[position].isWaiting {
            recall(position, of: index, .moved)
        }
        actions.append(
            .report(
                .workerQuarantined(
                    worker: workers[index].name, reason: reason, seconds: pause.seconds)))
    }

    /// The result of a probe ends the probation.
    mutating func provedSound(_ index: Int) {
        guard workers[index].isOnProbation else { return }
        workers[index].quarantineCount = 0
        workers[index].isOnProbation = false
        workers[index].disputedItem = nil
        actions.append(.report(.workerReturned(worker: workers[index].name)))
    }

    /// What a worker's result differed from was worth nothing.
    mutating func vindicate(_ index: Int) {
        workers[index].disputedItem = nil
        guard !workers[index].isGone, workers[index].isOnProbation else { return }
        workers[index].isOnProbation = false
        workers[index].quarantineCount = max(0, workers[index].quarantineCount - 1)
        workers[index].pausedUntil = nil
        actions.append(.report(.workerReturned(worker: workers[index].name)))
    }

    // MARK: Poisonous images

    /// A worker was lost while it sampled an image; whether it ended is told when it comes back.
    mutating func noteLoss(of index: Int, with item: Int, _ loss: SampledLoss, now: Duration) {
        workers[index].lostItems.append((item, loss))
        items[item].openLosses.append(loss)
        if convicts(items[item].losses) != nil {
            items[item].notBefore = max(items[item].notBefore, now + tolerance.verdictPause)
        }
    }

    /// It is known now whether a lost worker had ended.
    mutating func settleLosses(of index: Int, hasEnded: Bool, now: Duration) {
        let lost = workers[index].lostItems
        workers[index].lostItems = []
        for (item, loss) in lost {
            if let position = items[item].openLosses.firstIndex(of: loss) {
                items[item].openLosses.remove(at: position)
            }
            if hasEnded {
                items[item].kills.append(loss)
                failIfPoisonous(item)
            } else if items[item].status == .pending {
                // It need not wait for the verdict any longer.
                items[item].notBefore = min(items[item].notBefore, now + tolerance.retryPause)
            }
        }
    }

    /// Gives an image up that ended too many workers.
    mutating func failIfPoisonous(_ item: Int) {
        guard items[item].status == .pending, !has(.noPoisonBreaker) else { return }
        guard let count = convicts(items[item].kills) else { return }
        let reason = "given up: \(count) workers ended at the same step of it"
        fail(item, AttemptFailure(worker: "", attempt: 0, reason: reason))
    }

    /// When an image whose attempt failed may be tried again.
    func retryTime(of item: Int, now: Duration) -> Duration {
        if convicts(items[item].losses) != nil {
            return now + tolerance.verdictPause
        }
        let doublings = max(0, min(items[item].failures.count - 1, 16))
        return now + min(tolerance.retryPause * (1 << doublings), tolerance.retryPauseMax)
    }

    /// How many losses at about the same step there are, if they are enough to give an image up.
    private func convicts(_ losses: [SampledLoss]) -> Int? {
        let count = losses.likeness
        let isExact = losses.allSatisfy(\.isExact)
        return count >= tolerance.killCountMax + (isExact ? 0 : 1) ? count : nil
    }
}
