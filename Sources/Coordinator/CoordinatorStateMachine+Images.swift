// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Images: submitted, tried again, failed, cancelled.
extension CoordinatorStateMachine {
    mutating func submit(_ batch: ImageBatch, now: Duration) {
        guard takesBatches else {
            actions += batch.refusals
            return
        }
        for image in batch.images {
            images.submit(image, of: batch.id)
            do {
                try image.request.validate()
            } catch {
                fail(
                    image.number, FailedAttempt(reason: error.description))
            }
        }
        if images.openCount > 0 { callBack(now: now) }
    }

    /// Images of a batch that have no result on the disk need none any more.
    mutating func cancel(_ batch: ImageBatch.ID) {
        for (image, liveCount) in images.cancel(batch) {
            if liveCount > 0, !has(.workOnCancelled) { voidLeases(of: image) }
            actions.append(.report(.cancelled(image: image)))
        }
    }

    /// Records a failed attempt: the image waits for another, or has had its last.
    mutating func attemptFailed(
        _ held: HeldLease, by worker: WorkerNumber, reason: String, isLoss: Bool = false,
        now: Duration
    ) {
        let image = held.image
        guard images[image].status == .leased else { return }
        let failure = FailedAttempt(
            worker: workers[worker].name, attempt: held.lease.attempt, reason: reason)
        images[image].failedWorkers.insert(worker)
        distrustCheckpoint(of: held)
        // A worker on probation is more likely to blame than the image.
        if !held.isProbe {
            images[image].failures.append(failure)
            if isLoss {
                images[image].lostAttempts.insert(held.lease.attempt)
            } else {
                images[image].chargedWorkers.insert(worker)
            }
        }
        guard images.endLease(of: image) else { return }
        if isExhausted(image), !has(.retryForever) {
            fail(image, images[image].failures.removeLast())
            return
        }
        images[image].notBefore = retryTime(of: image, now: now)
        images.requeue(image)
        actions.append(.report(.retried(image: image, failure: failure)))
        failIfPoisonous(image)
    }

    /// Whether an image has failed so often that another attempt would be in vain.
    ///
    /// Failures of a single worker are that worker's until another one that is there has failed the
    /// image too.
    func isExhausted(_ image: ImageNumber) -> Bool {
        let entry = images[image]
        if entry.lostAttempts.count >= tolerance.lossCountMax { return true }
        guard entry.chargedCount >= tolerance.attemptCountMax else { return false }
        return entry.chargedWorkers.count > 1 || !hasOther(for: image)
    }

    /// Whether a worker is there that is not charged with an image and understands it.
    func hasOther(for image: ImageNumber) -> Bool {
        workers.numbers.contains {
            workers[$0].isPresent && !images[image].chargedWorkers.contains($0)
                && !images[image].notUnderstoodBy.contains($0)
        }
    }

    /// A lease ended without a fault; without another one the image waits again.
    mutating func requeueIfUnleased(_ image: ImageNumber) {
        guard images[image].status == .leased, images.endLease(of: image) else { return }
        images.requeue(image)
        failIfPoisonous(image)
    }

    mutating func fail(_ image: ImageNumber, _ failure: FailedAttempt) {
        let liveCount = images.fail(image, failure)
        if liveCount > 0 { voidLeases(of: image) }
        actions.append(
            .report(.failed(image: image, failures: images[image].failures)))
    }
}

extension ImageBatch {
    /// The answer to a batch that came too late.
    var refusals: [CoordinatorStateMachine.Action] {
        images.map { .report(.cancelled(image: $0.number)) }
    }
}
