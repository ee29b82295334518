// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Losses of workers: what happens to their leases, and which image may have killed them.
extension CoordinatorStateMachine {
    /// Ends a worker's connection and takes back what it held.
    ///
    /// - Parameter isEvidence: whether the images that it sampled may have ended it.
    mutating func disconnect(
        _ worker: WorkerNumber, reason: String, isEvidence: Bool = true, now: Duration
    ) {
        let leases = workers[worker].disconnect()
        let live = leases.filter(\.isLive)
        let suspects = isEvidence ? suspects(among: live, of: worker, now: now) : []
        for (image, loss) in suspects {
            noteLoss(of: worker, with: image, loss, now: now)
        }
        for held in live {
            if held.isStarted, held.recall == nil {
                attemptFailed(held, by: worker, reason: reason, isLoss: true, now: now)
                continue
            }
            // A worker that never began an image is not to blame for it, nor is the image.
            if has(.chargeInnocent) {
                attemptFailed(held, by: worker, reason: reason, isLoss: true, now: now)
            } else if !has(.forgetWaiting) {
                requeueIfUnleased(held.image)
            }
        }
    }

    /// What a lost worker may have sampled: the images it had begun, or the next in line, whose
    /// first report may have been lost with the worker.
    private func suspects(
        among leases: [HeldLease], of worker: WorkerNumber, now: Duration
    ) -> [(image: ImageNumber, loss: SampledLoss)] {
        let begun = leases.filter { $0.isStarted && $0.recall == nil }
        let busyCount = begun.count { !mayBeDone($0, by: worker, now: now) }
        let freeCount = max(0, workers[worker].pictureCount - busyCount)
        var next = Array(leases.filter { !$0.isStarted }.prefix(freeCount))
        if begun.isEmpty, next.first != leases.first { next = [] }
        let isCertain = begun.count + next.count <= 1
        let isShared = !isCertain && workers[worker].pictureCount > 1
        return (begun + next).map { held in
            let step = held.isStarted || held.offeredStep > 0 ? held.reachedStep : -1
            let stepSeconds = workers[worker].pace.mean.map { $0 * held.stepWork }
            let isExact = stepSeconds.map { 2 * $0 > timeouts.progressInterval.seconds } ?? true
            return (
                held.image,
                SampledLoss(
                    step: step, isCertain: isCertain, isShared: isShared, isExact: isExact)
            )
        }
    }

    /// Whether a worker that was lost had the time for the rest of an image since its last report;
    /// its newest reports were lost with it.
    private func mayBeDone(_ held: HeldLease, by worker: WorkerNumber, now: Duration) -> Bool {
        guard held.stepsLeft > 1, let pace = workers[worker].pace.mean else {
            return held.stepsLeft <= 1
        }
        let elapsed = now - workers[worker].lastProgress(of: held) + timeouts.progressInterval
        return Double(held.stepsLeft) * pace * held.stepWork <= 2 * elapsed.seconds
    }

    /// A worker was lost while it sampled an image; whether it ended is known when it comes back.
    private mutating func noteLoss(
        of worker: WorkerNumber, with image: ImageNumber, _ loss: SampledLoss, now: Duration
    ) {
        workers[worker].lostImages.append((image, loss))
        images[image].openLosses.append(loss)
        if convicts(images[image].losses) != nil {
            images[image].notBefore = max(images[image].notBefore, now + tolerance.verdictPause)
        }
    }

    /// It is known now whether a lost worker had ended.
    mutating func settleLosses(of worker: WorkerNumber, hasEnded: Bool, now: Duration) {
        let lost = workers[worker].lostImages
        workers[worker].lostImages = []
        for (image, loss) in lost where images.contains(image) {
            if let position = images[image].openLosses.firstIndex(of: loss) {
                images[image].openLosses.remove(at: position)
            }
            if hasEnded {
                images[image].kills.append(loss)
                failIfPoisonous(image)
            } else if images[image].status == .pending {
                // It need not wait for the verdict any longer.
                images[image].notBefore = min(
                    images[image].notBefore, now + tolerance.retryPause)
            }
        }
    }

    /// Fails an image that killed too many workers.
    mutating func failIfPoisonous(_ image: ImageNumber) {
        guard images[image].status == .pending, !has(.noPoisonBreaker) else { return }
        guard let count = convicts(images[image].kills) else { return }
        let reason = "failed: \(count) workers died at the same step"
        fail(image, FailedAttempt(reason: reason))
    }

    /// When an image whose attempt failed may be tried again.
    func retryTime(of image: ImageNumber, now: Duration) -> Duration {
        if convicts(images[image].losses) != nil { return now + tolerance.verdictPause }
        let doublings = max(0, min(images[image].failures.count - 1, 16))
        return now + min(tolerance.retryPause * (1 << doublings), tolerance.retryPauseMax)
    }

    /// How many losses at about the same step there are, if they are enough to fail an image.
    private func convicts(_ losses: [SampledLoss]) -> Int? {
        let count = losses.likeness
        let isExact = losses.allSatisfy(\.isExact)
        return count >= tolerance.killCountMax + (isExact ? 0 : 1) ? count : nil
    }
}
