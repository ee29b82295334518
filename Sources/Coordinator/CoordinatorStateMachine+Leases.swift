// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Leases: granted, renewed by every step that is told of, asked back, expired.
extension CoordinatorStateMachine {
    /// - Parameter isUnderWay: it samples the image already, so that no checkpoint is of use.
    mutating func lease(_ item: Int, to index: Int, isUnderWay: Bool = false, now: Duration) {
        items[item].status = .leased
        items[item].liveCount += 1
        items[item].attemptCount += 1
        let attempt = min(items[item].attemptCount, WireLimits.attemptMax)
        var preparation = preparation(of: item, for: index)
        if isUnderWay { preparation.checkpoint = nil }
        assign(item, attempt: attempt, to: index, preparation, now: now)
    }

    /// Gives a worker an image that is done, to see whether it makes the same of it.
    mutating func check(_ index: Int, with item: Int, now: Duration) {
        let attempt = min(items[item].attemptCount + 1, WireLimits.attemptMax)
        assign(item, attempt: attempt, to: index, Preparation(), isCheck: true, now: now)
    }

    private mutating func assign(
        _ item: Int, attempt: Int, to index: Int, _ preparation: Preparation,
        isCheck: Bool = false, now: Duration
    ) {
        guard let id = workers[index].connection, let node = workers[index].node else { return }
        let lease = mint.makeLease(item: UInt32(item), attempt: attempt, for: node.instance)
        if workers[index].leases.isEmpty { workers[index].lastProgress = now }
        var held = HeldLease(lease, stepCount: requests[item].inferenceStepCount)
        held.isProbe = workers[index].isOnProbation
        held.isCheck = isCheck
        held.isAlone = items[item].losses.contains { !$0.isCertain }
        if let checkpoint = preparation.checkpoint {
            held.offeredStep = checkpoint.step
            held.makers = checkpoints[item]?.makers ?? []
        }
        workers[index].leases.append(held)
        if !preparation.isPlain { actions.append(.send(id, .prepare(lease, preparation))) }
        actions.append(.send(id, .assign(lease, requests[item])))
        guard !isCheck else { return }
        actions.append(
            .report(.assigned(item: item, worker: workers[index].name, attempt: attempt)))
    }

    mutating func progressed(
        _ report: ProgressReport, _ index: Int, on id: ConnectionID, now: Duration
    ) {
        guard let held = workers[index].leases.firstIndex(where: { $0.lease == report.lease })
        else {
            takeUp(report.lease, from: index, on: id, now: now)
            return
        }
        let item = Int(report.lease.item)
        // Only another step is progress: a lease is not renewed by saying the same again.
        let isNews =
            !workers[index].leases[held].isStarted
            || report.step > workers[index].leases[held].step
        workers[index].leases[held].isStarted = true
        guard isNews || has(.renewByRepetition) else { return }
        if !has(.leaseByTotalTime) { movedOn(index, now: now) }
        noteStep(report.step, ofLease: held, by: index)
        let newSteps = max(0, report.step - workers[index].leases[held].step)
        workers[index].leases[held].step = report.step
        workers[index].leases[held].stepCount = report.stepCount
        if report.step > 0 {
            workers[index].lastStep = now
            workers[index].pace.observe(seconds: report.seconds, of: requests[item])
        }
        guard workers[index].leases[held].isLive, items[item].status == .leased else { return }
        actions.append(
            .report(
                .progress(
                    item: item, worker: workers[index].name, step: report.step,
                    stepCount: report.stepCount, newSteps: newSteps, seconds: report.seconds)))
    }

    /// A worker that came back still samples under an old lease: lease it anew or stop it.
    private mutating func takeUp(
        _ old: Lease, from index: Int, on id: ConnectionID, now: Duration
    ) {
        let item = Int(old.item)
        guard let position = retries.firstIndex(of: item),
            workers[index].freeCredits(now: now) > 0
        else {
            actions.append(.send(id, .cancel(old)))
            return
        }
        retries.remove(at: position)
        // The attempt goes on, so it did not fail.
        if items[item].lostAttempts.remove(old.attempt) != nil {
            items[item].failures.removeAll { $0.attempt == old.attempt }
        }
        lease(item, to: index, isUnderWay: true, now: now)
    }

    /// Notes that a worker's sampling thread moves.
    mutating func movedOn(_ index: Int, now: Duration) {
        workers[index].lastProgress = now
        workers[index].lossCount = 0
    }

    /// Asks a lease back.
    mutating func recall(_ position: Int, of index: Int, _ reason: HeldLease.Recall) {
        guard let id = workers[index].connection else { return }
        let wasAsked = workers[index].leases[position].recall != nil
        workers[index].leases[position].recall = reason
        if !wasAsked { workers[index].leases[position].recalledAt = lastNow }
        if !wasAsked { actions.append(.send(id, .cancel(workers[index].leases[position].lease))) }
    }

    /// The image has its outcome: nobody else needs to go on with it.
    mutating func voidLeases(of item: Int) {
        guard items[item].liveCount > 0 else { return }
        items[item].liveCount = 0
        for index in workers.indices {
            for position in workers[index].leases.indices
            where workers[index].leases[position].item == item
                && workers[index].leases[position].isLive
            {
                recall(position, of: index, .void)
            }
        }
    }

    /// No step for too long: the image goes to others, and the worker gets nothing new until it
    /// says what became of it.
    mutating func expireLeases(of index: Int, patience: Duration, now: Duration) {
        let reason = "no step progress for \(patience.seconds) s"
        let live = workers[index].leases.indices.filter { workers[index].leases[$0].isLive }
        guard let running = live.first(where: { workers[index].leases[$0].isStarted }) ?? live.first
        else {
            cut(index, reason: reason, now)
            return
        }
        workers[index].lastProgress = now
        for position in live {
            let held = workers[index].leases[position]
            recall(position, of: index, .expired)
            if position == running, held.isStarted, held.recall == nil {
                attemptFailed(held, by: index, reason: reason, now: now)
            } else {
                letGo(held.item)
            }
        }
        strike(index, reason: reason, now: now)
    }

    /// Images that were asked back, were not begun, and are kept without a word: others draw those
    /// that are needed, and the worker gets nothing new until it answers.
    mutating func expireRecalls(of index: Int, now: Duration) {
        for position in workers[index].leases.indices {
            let held = workers[index].leases[position]
            guard let time = held.answerDeadline(timeouts: timeouts), now >= time else { continue }
            workers[index].leases[position].recall = .expired
            guard held.isLive else { continue }
            reportOverdue(position, of: index, since: held.recalledAt, now: now)
            letGo(held.item)
        }
    }

    /// Says once that a worker does nothing about an image that it took.
    mutating func reportOverdue(
        _ position: Int, of index: Int, since: Duration, now: Duration
    ) {
        guard !workers[index].leases[position].isOverdueReported else { return }
        workers[index].leases[position].isOverdueReported = true
        actions.append(
            .report(
                .imageOverdue(
                    item: workers[index].leases[position].item, worker: workers[index].name,
                    seconds: (now - since).seconds)))
    }

    mutating func givenBack(
        _ lease: Lease, _ reason: WireReason, by index: Int, now: Duration
    ) {
        guard let held = release(lease, of: index, now: now) else { return }
        if reason.retryAfterMilliseconds > 0 {
            pause(index, until: now + .milliseconds(reason.retryAfterMilliseconds))
        }
        switch reason.code {
        case .cancelled where held.recall != nil || has(.believeCancelled): break
        case .draining: workers[index].isDraining = true
        case .overCredit:
            pause(index, until: now + .seconds(1))
            // Full of something that nobody here knows of.
            if workers[index].leases.isEmpty { strike(index, reason: reason.text, now: now) }
        case .notUnderstood where !held.isCheck: puzzled(index, by: held, reason.text)
        default:
            if held.isLive { attemptFailed(held, by: index, reason: reason.text, now: now) }
            strike(index, reason: reason.text, now: now)
            return
        }
        if held.isLive { letGo(held.item) }
    }

    mutating func terminated(
        _ lease: Lease, _ reason: WireReason, by index: Int, now: Duration
    ) {
        guard let held = release(lease, of: index, now: now), held.isLive else { return }
        if reason.code == .nonFiniteLatents, held.offeredStep > 0 {
            // The checkpoint may be at fault: the whole image is tried before it is given up.
            checkpoints[held.item] = nil
            attemptFailed(held, by: index, reason: reason.text, now: now)
            return
        }
        fail(
            held.item,
            AttemptFailure(
                worker: workers[index].name, attempt: lease.attempt, reason: reason.text))
    }

    private mutating func release(
        _ lease: Lease, of index: Int, now: Duration
    ) -> HeldLease? {
        guard let held = workers[index].leases.firstIndex(where: { $0.lease == lease }) else {
            return nil
        }
        // What waited behind a step says nothing of the step.
        if workers[index].leases[held].isStarted { movedOn(index, now: now) }
        if has(.leakCredits), workers[index].leases[held].recall != nil { return nil }
        return workers[index].leases.remove(at: held)
    }

    private mutating func pause(_ index: Int, until: Duration) {
        workers[index].pausedUntil = max(workers[index].pausedUntil ?? .zero, until)
    }

    /// Takes back what a worker held when its connection ended.
    ///
    /// - Parameter isEvidence: whether the images that it was at may have ended it.
    mutating func takeBackLeases(
        of index: Int, reason: String, isEvidence: Bool = true, now: Duration
    ) {
        let leases = workers[index].leases
        let suspects =
            isEvidence ? suspects(among: leases.filter(\.isLive), of: index, now: now) : []
        workers[index].leases = []
        for (item, loss) in suspects {
            noteLoss(of: index, with: item, loss, now: now)
        }
        for held in leases where held.isLive {
            if held.isStarted, held.recall == nil {
                attemptFailed(held, by: index, reason: reason, isLoss: true, now: now)
                continue
            }
            // A worker that never began an image is not to blame for it, nor is the image.
            if has(.chargeInnocent) {
                attemptFailed(held, by: index, reason: reason, isLoss: true, now: now)
            } else if !has(.forgetWaiting) {
                letGo(held.item)
            }
        }
    }

    /// What a lost worker may have been at: the image it had begun, or the next in line, of whose
    /// beginning word may have been lost with the worker.
    private func suspects(
        among leases: [HeldLease], of index: Int, now: Duration
    ) -> [(item: Int, loss: SampledLoss)] {
        let begun = leases.filter { $0.isStarted && $0.recall == nil }
        var next = leases.first { !$0.isStarted }
        if begun.isEmpty, next != leases.first { next = nil }
        if begun.contains(where: { !mayBeDone($0, by: index, now: now) }) { next = nil }
        let isCertain = begun.isEmpty || next == nil
        return (begun + [next].compactMap(\.self)).map { held in
            let step = held.isStarted || held.offeredStep > 0 ? held.reachedStep : -1
            let stepSeconds = workers[index].pace.mean.map { $0 * stepWork[held.item] }
            let isExact = stepSeconds.map { 2 * $0 > timeouts.progressInterval.seconds } ?? true
            return (
                held.item, SampledLoss(step: step, isCertain: isCertain, isExact: isExact)
            )
        }
    }

    /// Whether a worker that was lost had the time for the rest of an image since it was last heard
    /// of; its last words were lost with it.
    private func mayBeDone(_ held: HeldLease, by index: Int, now: Duration) -> Bool {
        guard held.stepsLeft > 1, let pace = workers[index].pace.mean else {
            return held.stepsLeft <= 1
        }
        let elapsed = now - workers[index].lastProgress + timeouts.progressInterval
        return Double(held.stepsLeft) * pace * stepWork[held.item] <= 2 * elapsed.seconds
    }
}
