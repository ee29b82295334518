// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Images: leased in prompt order, completed once, tried again, failed.
extension CoordinatorStateMachine {
    /// Whether any image waits for a worker.
    var hasPending: Bool { nextFresh < items.count || !retries.isEmpty }

    /// Gives pending images to workers with credit, the least loaded first.
    mutating func grant(now: Duration) {
        while hasPending, undecodedCount < configuration.decodeBacklogMax {
            let candidates = workers.indices
                .filter { workers[$0].freeCredits(now: now) > 0 }
                .sorted { (workers[$0].leases.count, $0) < (workers[$1].leases.count, $1) }
            var granted = false
            for index in candidates {
                guard let item = takePending(for: index) else { continue }
                lease(item, to: index, now: now)
                granted = true
                break
            }
            guard granted else { return }
        }
        if !hasPending, undecodedCount < configuration.decodeBacklogMax { stealForIdle(now: now) }
    }

    /// When nothing is pending, an idle worker takes what waits behind another worker's image.
    private mutating func stealForIdle(now: Duration) {
        let idle = workers.indices.filter {
            workers[$0].leases.isEmpty && workers[$0].freeCredits(now: now) > 0
        }
        let revokedCount = workers.reduce(0) { $0 + $1.leases.count(where: \.isRevoked) }
        for thief in idle.dropFirst(revokedCount) {
            for index in workers.indices where workers[index].leases.count > 1 {
                guard let id = workers[index].connection,
                    let last = workers[index].leases.lastIndex(where: {
                        !$0.isStarted && !$0.isRevoked
                            && !items[Int($0.lease.item)].failedWorkers.contains(thief)
                    })
                else { continue }
                workers[index].leases[last].isRevoked = true
                actions.append(.send(id, .cancel(workers[index].leases[last].lease)))
                break
            }
        }
    }

    private mutating func takePending(for index: Int) -> Int? {
        let position = retries.firstIndex { item in
            // Distinct workers where possible: not back to one that failed it while another is
            // left.
            !items[item].failedWorkers.contains(index)
                || !workers.indices.contains {
                    !workers[$0].isGone && !items[item].failedWorkers.contains($0)
                }
        }
        if let position { return retries.remove(at: position) }
        while nextFresh < items.count, items[nextFresh].status != .pending { nextFresh += 1 }
        guard nextFresh < items.count else { return nil }
        defer { nextFresh += 1 }
        return nextFresh
    }

    private mutating func lease(_ item: Int, to index: Int, now: Duration) {
        guard let id = workers[index].connection else { return }
        items[item].status = .leased
        items[item].attemptCount += 1
        let lease = Lease(
            item: UInt32(item), attempt: min(items[item].attemptCount, WireLimits.attemptMax),
            token: nextToken)
        nextToken += 1
        if workers[index].leases.isEmpty { workers[index].lastProgress = now }
        workers[index].leases.append(RegisteredWorker.HeldLease(lease: lease))
        actions.append(.send(id, .assign(lease, requests[item])))
        actions.append(
            .report(
                .assigned(item: item, worker: workers[index].name, attempt: lease.attempt)))
    }

    mutating func progressed(
        _ report: ProgressReport, _ index: Int, on id: ConnectionID, now: Duration
    ) {
        let item = Int(report.lease.item)
        guard let held = workers[index].leases.firstIndex(where: { $0.lease == report.lease })
        else {
            takeUp(report.lease, from: index, on: id, now: now)
            return
        }
        workers[index].lastProgress = now
        workers[index].leases[held].isStarted = true
        workers[index].leases[held].step = report.step
        if report.step > 0 { workers[index].observe(stepSeconds: report.seconds) }
        guard items[item].status == .leased else { return }
        actions.append(
            .report(
                .progress(
                    item: item, worker: workers[index].name, step: report.step,
                    stepCount: report.stepCount, seconds: report.seconds)))
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
        lease(item, to: index, now: now)
    }

    mutating func arrived(
        _ result: LatentResult, from index: Int, on id: ConnectionID, now: Duration
    ) {
        let item = Int(result.lease.item)
        guard items.indices.contains(item), result.lease.token < nextToken else {
            malformed(
                .fieldOutOfRange(.result, field: "item", value: "\(item)"), from: index, on: id,
                now: now)
            return
        }
        let isHolder = workers[index].leases.contains { $0.lease.item == result.lease.item }
        workers[index].leases.removeAll { $0.lease.item == result.lease.item }
        workers[index].lastProgress = now
        // The journal of a later version writes the result to disk between these two lines.
        actions.append(.send(id, .resultAck(result.lease)))
        guard result.latents.fits(requests[item]) else {
            guard isHolder else { return }
            attemptFailed(
                result.lease, by: index,
                reason: """
                    its latents are \(result.latents.width)×\(result.latents.height), which do not \
                    fit a picture of \(requests[item].width)×\(requests[item].height)
                    """)
            return
        }
        switch items[item].status {
        case .failed, .cancelled: break
        case .completed: compare(result, item, from: index)
        case .pending, .leased: complete(item, result, from: index)
        }
    }

    private mutating func complete(_ item: Int, _ result: LatentResult, from index: Int) {
        workers[index].failureCount = 0
        items[item].status = .completed
        items[item].sha256 = result.sha256
        items[item].maker = index
        openCount -= 1
        undecodedCount += 1
        retries.removeAll { $0 == item }
        cancelOtherLeases(of: item)
        let kernelClass = workers[index].node?.kernelClass ?? ""
        actions.append(
            .report(
                .completed(
                    item: item, worker: workers[index].name, attempt: result.lease.attempt,
                    timings: result.timings, sha256: Hexadecimal.text(result.sha256))))
        actions.append(.decode(result, worker: workers[index].name, kernelClass: kernelClass))
    }

    private mutating func compare(_ result: LatentResult, _ item: Int, from index: Int) {
        guard result.sha256 != items[item].sha256, let maker = items[item].maker,
            workers[maker].node?.kernelClass == workers[index].node?.kernelClass
        else { return }
        actions.append(
            .report(
                .resultsDiffer(
                    item: item, worker: workers[index].name, firstWorker: workers[maker].name)))
    }

    private mutating func cancelOtherLeases(of item: Int) {
        for other in workers.indices {
            guard let id = workers[other].connection,
                let held = workers[other].leases.firstIndex(where: {
                    $0.lease.item == item && !$0.isRevoked
                })
            else { continue }
            workers[other].leases[held].isRevoked = true
            actions.append(.send(id, .cancel(workers[other].leases[held].lease)))
        }
    }

    mutating func givenBack(
        _ lease: Lease, _ reason: WireReason, by index: Int, on id: ConnectionID, now: Duration
    ) {
        guard let held = workers[index].leases.firstIndex(where: { $0.lease == lease }) else {
            return
        }
        workers[index].leases.remove(at: held)
        workers[index].lastProgress = now
        if reason.retryAfterMilliseconds > 0 {
            workers[index].pausedUntil = now + .milliseconds(reason.retryAfterMilliseconds)
        }
        switch reason.code {
        case .cancelled: requeue(Int(lease.item))
        case .draining:
            workers[index].isDraining = true
            requeue(Int(lease.item))
        case .overCredit:
            workers[index].pausedUntil = now + .seconds(1)
            requeue(Int(lease.item))
        default:
            attemptFailed(lease, by: index, reason: reason.text)
            retireIfFailing(index, on: id, reason: reason.text)
        }
    }

    mutating func terminated(
        _ lease: Lease, _ reason: WireReason, by index: Int, now: Duration
    ) {
        guard let held = workers[index].leases.firstIndex(where: { $0.lease == lease }) else {
            return
        }
        workers[index].leases.remove(at: held)
        workers[index].lastProgress = now
        let item = Int(lease.item)
        guard items[item].status == .leased else { return }
        fail(
            item,
            AttemptFailure(
                worker: workers[index].name, attempt: lease.attempt, reason: reason.text))
    }

    /// Books a failed attempt: the image waits for another, or has had its last.
    mutating func attemptFailed(_ lease: Lease, by index: Int, reason: String) {
        let item = Int(lease.item)
        guard items[item].status == .leased else { return }
        let failure = AttemptFailure(
            worker: workers[index].name, attempt: lease.attempt, reason: reason)
        items[item].failedWorkers.insert(index)
        guard items[item].failures.count + 1 < configuration.attemptCountMax else {
            fail(item, failure)
            return
        }
        items[item].failures.append(failure)
        requeue(item)
        actions.append(.report(.retried(item: item, failure: failure)))
    }

    mutating func requeue(_ item: Int) {
        guard items[item].status == .leased else { return }
        items[item].status = .pending
        let position = retries.firstIndex { $0 > item } ?? retries.endIndex
        retries.insert(item, at: position)
    }

    mutating func fail(_ item: Int, _ failure: AttemptFailure) {
        items[item].status = .failed
        items[item].failures.append(failure)
        openCount -= 1
        retries.removeAll { $0 == item }
        actions.append(.report(.failed(item: item, failures: items[item].failures)))
    }

    mutating func decodeFailed(_ item: Int, reason: String) {
        undecodedCount -= 1
        items[item].status = .failed
        items[item].failures.append(
            AttemptFailure(worker: "", attempt: 0, reason: "decoding failed: \(reason)"))
        actions.append(.report(.failed(item: item, failures: items[item].failures)))
    }
}

extension GeneratedLatents {
    /// Whether a VAE of any power-of-two scale makes a picture of the wanted size of them.
    fileprivate func fits(_ request: GenerationRequest) -> Bool {
        let scale = request.width / width
        return scale > 0 && scale & (scale - 1) == 0
            && width * scale == request.width && height * scale == request.height
    }
}
