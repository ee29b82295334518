// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Leases: grant, renew on reported steps, recall, expire.
extension CoordinatorStateMachine {
    /// - Parameter isUnderWay: it samples the image already, so that no checkpoint is of use.
    mutating func lease(
        _ image: ImageNumber, to worker: WorkerNumber, isUnderWay: Bool = false, now: Duration
    ) {
        let attempt = min(images.lease(image), WireLimits.attemptMax)
        var preparation = preparation(of: image, for: worker)
        if isUnderWay { preparation.checkpoint = nil }
        assign(
            image, attempt: attempt, to: worker, preparation, isUnderWay: isUnderWay, now: now)
    }

    /// Gives a worker an image that has its result, to see whether it samples the same latents.
    mutating func check(_ worker: WorkerNumber, with image: ImageNumber, now: Duration) {
        let attempt = min(images[image].attemptCount + 1, WireLimits.attemptMax)
        assign(image, attempt: attempt, to: worker, Preparation(), isCheck: true, now: now)
    }

    private mutating func assign(
        _ image: ImageNumber, attempt: Int, to worker: WorkerNumber, _ preparation: Preparation,
        isUnderWay: Bool = false, isCheck: Bool = false, now: Duration
    ) {
        guard let id = workers[worker].connection, let node = workers[worker].node else { return }
        let lease = mint.makeLease(item: image.onWire, attempt: attempt, for: node.instance)
        if workers[worker].leases.isEmpty { workers[worker].lastProgress = now }
        var held = HeldLease(lease, of: image, images[image])
        held.isProbe = workers[worker].isOnProbation
        held.isCheck = isCheck
        // What is under way beside other images can't be alone any more.
        held.isAlone =
            images[image].losses.needSolitude
            && (workers[worker].pictureCount == 1 || !isUnderWay && !isCheck)
        held.lastProgress = now
        if let checkpoint = preparation.checkpoint {
            held.offeredStep = checkpoint.step
            held.makers = images[image].checkpoint?.makers ?? []
        }
        workers[worker].hold(held)
        if !preparation.isPlain { actions.append(.send(id, .prepare(lease, preparation))) }
        actions.append(.send(id, .assign(lease, images[image].request)))
        guard !isCheck else { return }
        if images[image].previewInterval != nil { watch(lease, of: image, by: worker) }
        actions.append(
            .report(
                .assigned(image: image, worker: workers[worker].name, attempt: attempt)))
    }

    mutating func progressed(
        _ report: ProgressReport, _ worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        let lease = report.lease
        guard let held = workers[worker].held(lease) else {
            takeUp(lease, from: worker, on: id, now: now)
            return
        }
        // Only another step is progress: repeating the last one does not renew a lease.
        let isNews = !held.isStarted || report.step > held.step
        workers[worker].update(lease) { $0.isStarted = true }
        guard isNews || has(.renewByRepetition) else { return }
        workers[worker].update(lease) { $0.lastProgress = now }
        if !has(.leaseByTotalTime) { movedOn(worker, now: now) }
        noteStep(report.step, of: held, by: worker)
        workers[worker].update(lease) {
            $0.step = report.step
            $0.stepCount = report.stepCount
        }
        if report.step > 0 {
            workers[worker].lastStep = now
            workers[worker].pace.observe(seconds: report.seconds, ofWork: held.stepWork)
        }
        guard held.isLive, images[held.image].status == .leased else { return }
        actions.append(
            .report(
                .progress(
                    image: held.image, worker: workers[worker].name, step: report.step,
                    stepCount: report.stepCount, newSteps: max(0, report.step - held.step),
                    seconds: report.seconds)))
    }

    /// A worker that came back still samples under an old lease: lease it again or stop it.
    private mutating func takeUp(
        _ old: Lease, from worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        guard let image = images.number(onWire: old.item), images.queue.retries.contains(image),
            workers[worker].freeCredits(now: now, isUnderWay: true) > 0
        else {
            actions.append(.send(id, .cancel(old)))
            return
        }
        // The attempt continues, so it did not fail.
        if images[image].lostAttempts.remove(old.attempt) != nil {
            images[image].failures.removeAll { $0.attempt == old.attempt }
        }
        lease(image, to: worker, isUnderWay: true, now: now)
    }

    /// Notes that a worker's sampling thread advances.
    mutating func movedOn(_ worker: WorkerNumber, now: Duration) {
        workers[worker].lastProgress = now
        workers[worker].lossCount = 0
    }

    /// Recalls a lease.
    mutating func recall(_ lease: Lease, of worker: WorkerNumber, _ reason: HeldLease.Recall) {
        guard let id = workers[worker].connection else { return }
        if workers[worker].recall(lease, reason, now: lastNow) {
            actions.append(.send(id, .cancel(lease)))
        }
    }

    /// The image needs no result any more: its leases are recalled.
    mutating func voidLeases(of image: ImageNumber) {
        for worker in workers.numbers {
            for held in workers[worker].leases where held.image == image && held.isLive {
                recall(held.lease, of: worker, .void)
            }
        }
    }

    /// No step for too long: the image goes to others, and the worker gets nothing new until it
    /// answers.
    mutating func expireLeases(of worker: WorkerNumber, patience: Duration, now: Duration) {
        let reason = "no step progress for \(patience.seconds) s"
        let live = workers[worker].leases.filter(\.isLive)
        guard let running = live.first(where: \.isStarted) ?? live.first else {
            cut(worker, reason: reason, now)
            return
        }
        workers[worker].lastProgress = now
        for held in live {
            recall(held.lease, of: worker, .expired)
            if held.lease == running.lease, held.isStarted, held.recall == nil {
                attemptFailed(held, by: worker, reason: reason, now: now)
            } else {
                requeueIfUnleased(held.image)
            }
        }
        strike(worker, reason: reason, now: now)
    }

    /// Some of the images that a worker samples at the same time made no step for too long.
    ///
    /// These go to others, with all that waits, and the worker gets nothing new until it answers.
    /// Its other images go on.
    mutating func expireStalledLeases(of worker: WorkerNumber, now: Duration) {
        for lease in workers[worker].leases.map(\.lease) {
            // What became of the one before may have changed this one.
            guard let held = workers[worker].held(lease), held.isStarted else { continue }
            let patience = workers[worker].patience(for: held, timeouts: timeouts)
            guard now >= held.lastProgress + patience else { continue }
            let reason = "no step progress for \(patience.seconds) s"
            guard held.isLive else {
                // It was asked to stop, long ago.
                cut(worker, reason: reason, now)
                return
            }
            workers[worker].update(held.lease) { $0.lastProgress = now }
            recall(held.lease, of: worker, .expired)
            if held.recall == nil {
                attemptFailed(held, by: worker, reason: reason, now: now)
            } else {
                requeueIfUnleased(held.image)
            }
            for waiting in workers[worker].leases where waiting.isLive && !waiting.isStarted {
                recall(waiting.lease, of: worker, .expired)
                requeueIfUnleased(waiting.image)
            }
            strike(worker, reason: reason, now: now)
            guard workers[worker].phase == .ready else { return }
        }
    }

    /// Images that were recalled, were not begun, and are kept without an answer: others generate
    /// those that are needed, and the worker gets nothing new until it answers.
    mutating func expireRecalls(of worker: WorkerNumber, now: Duration) {
        for held in workers[worker].leases {
            guard let time = held.answerDeadline(timeouts: timeouts), now >= time else { continue }
            recall(held.lease, of: worker, .expired)
            guard held.isLive else { continue }
            reportOverdue(held, of: worker, since: held.recalledAt, now: now)
            requeueIfUnleased(held.image)
        }
    }

    /// Reports once that a worker does nothing about an image that it took.
    mutating func reportOverdue(
        _ held: HeldLease, of worker: WorkerNumber, since: Duration, now: Duration
    ) {
        guard !held.isOverdueReported else { return }
        workers[worker].update(held.lease) { $0.isOverdueReported = true }
        actions.append(
            .report(
                .imageOverdue(
                    image: held.image, worker: workers[worker].name,
                    seconds: (now - since).seconds)))
    }

    mutating func givenBack(
        _ lease: Lease, _ reason: WireReason, by worker: WorkerNumber, now: Duration
    ) {
        guard let held = release(lease, of: worker, now: now) else { return }
        if reason.retryAfterMilliseconds > 0 {
            pause(worker, until: now + .milliseconds(reason.retryAfterMilliseconds))
        }
        switch reason.code {
        case .cancelled where held.recall != nil || has(.believeCancelled): break
        case .draining: workers[worker].isDraining = true
        case .overCredit:
            pause(worker, until: now + .seconds(1))
            // Full of something that nobody here knows of.
            if workers[worker].leases.isEmpty { strike(worker, reason: reason.text, now: now) }
        case .notUnderstood where !held.isCheck: notUnderstood(held, by: worker, reason.text)
        default:
            if held.isLive { attemptFailed(held, by: worker, reason: reason.text, now: now) }
            strike(worker, reason: reason.text, now: now)
            return
        }
        if held.isLive { requeueIfUnleased(held.image) }
    }

    mutating func terminated(
        _ lease: Lease, _ reason: WireReason, by worker: WorkerNumber, now: Duration
    ) {
        guard let held = release(lease, of: worker, now: now), held.isLive else { return }
        if reason.code == .nonFiniteLatents, held.offeredStep > 0 {
            // The checkpoint may be the cause: the whole image is tried before the image fails.
            images[held.image].checkpoint = nil
            attemptFailed(held, by: worker, reason: reason.text, now: now)
            return
        }
        fail(
            held.image,
            FailedAttempt(
                worker: workers[worker].name, attempt: lease.attempt, reason: reason.text))
    }

    private mutating func release(
        _ lease: Lease, of worker: WorkerNumber, now: Duration
    ) -> HeldLease? {
        guard let held = workers[worker].held(lease) else { return nil }
        // What waited behind a step is no evidence about the step.
        if held.isStarted { movedOn(worker, now: now) }
        if has(.leakCredits), held.recall != nil { return nil }
        return workers[worker].release { $0.lease == lease }
    }

    private mutating func pause(_ worker: WorkerNumber, until: Duration) {
        workers[worker].pausedUntil = max(workers[worker].pausedUntil ?? .zero, until)
    }
}
