// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Images: completed once, tried again, failed.
extension CoordinatorStateMachine {
    mutating func arrived(
        _ result: LatentResult, from index: Int, on id: ConnectionID, now: Duration
    ) {
        let item = Int(result.lease.item)
        guard wasGranted(result.lease) || has(.skipFencing) else {
            malformed(
                .fieldOutOfRange(.result, field: "item", value: "\(item)"), from: index, on: id,
                now: now)
            return
        }
        let position = workers[index].leases.firstIndex { $0.lease.item == result.lease.item }
        let held = position.map { workers[index].leases.remove(at: $0) }
        movedOn(index, now: now)
        guard result.latents.fits(requests[item]) else {
            actions.append(.send(id, .resultAck(result.lease)))
            misfit(result, held, from: index, now: now)
            return
        }
        switch items[item].status {
        case .failed, .cancelled:
            actions.append(.send(id, .resultAck(result.lease)))
            return
        case .completed:
            actions.append(.send(id, .resultAck(result.lease)))
            if has(.dropDedup) {
                actions.append(.decode(result, worker: "", kernelClass: "a", picture: nil))
            }
            guard isConfirmed(result, from: index, now: now) else { return }
        case .storing:
            storing[item]?.waiting.append((id, result.lease))
            guard isConfirmed(result, from: index, now: now) else { return }
        case .pending, .leased:
            if held?.isLive == true { items[item].liveCount -= 1 }
            store(item, result, from: index, on: id)
        }
        if held?.isProbe == true { provedSound(index) }
    }

    private mutating func misfit(
        _ result: LatentResult, _ held: HeldLease?, from index: Int, now: Duration
    ) {
        let item = Int(result.lease.item)
        let reason = """
            its latents are \(result.latents.width)×\(result.latents.height), which do not \
            fit a picture of \(requests[item].width)×\(requests[item].height)
            """
        if let held, held.isLive { attemptFailed(held, by: index, reason: reason, now: now) }
        dropCheckpoints(madeBy: index)
        strike(index, reason: reason, now: now)
    }

    /// The first result of an image: it is acknowledged and announced when it is stored.
    private mutating func store(
        _ item: Int, _ result: LatentResult, from index: Int, on id: ConnectionID
    ) {
        items[item].status = .storing
        items[item].sha256 = result.sha256
        items[item].maker = index
        undecodedCount += 1
        let (name, kernelClass) = (workers[index].name, workers[index].node?.kernelClass ?? "")
        let picture = pictures.removeValue(forKey: item).flatMap { sent in
            // Between the two of them another worker's may have come.
            sent.lease == result.lease && sent.picture.fits(requests[item])
                ? sent.picture : nil
        }
        settled(item)
        storing[item] = StoringResult(
            result: result, worker: name, kernelClass: kernelClass, picture: picture,
            waiting: [(id, result.lease)])
        if has(.ackBeforeStoring) { actions.append(.send(id, .resultAck(result.lease))) }
        if has(.announceBeforeStoring) { announce(result, of: name) }
        actions.append(.store(result, worker: name, kernelClass: kernelClass))
    }

    private mutating func announce(_ result: LatentResult, of worker: String) {
        actions.append(
            .report(
                .completed(
                    item: Int(result.lease.item), worker: worker, attempt: result.lease.attempt,
                    timings: result.timings, sha256: Hexadecimal.text(result.sha256))))
    }

    mutating func stored(_ item: Int) {
        guard let stored = storing.removeValue(forKey: item) else { return }
        items[item].status = .completed
        openCount -= 1
        for (id, lease) in stored.waiting where isOpen(id) {
            actions.append(.send(id, .resultAck(lease)))
        }
        announce(stored.result, of: stored.worker)
        actions.append(
            .decode(
                stored.result, worker: stored.worker, kernelClass: stored.kernelClass,
                picture: stored.picture))
    }

    /// One request has one result: of two that differ, one machine is faulty.
    ///
    /// The first stays; whoever brought the other has to draw the image again before it gets more.
    private mutating func isConfirmed(
        _ result: LatentResult, from index: Int, now: Duration
    ) -> Bool {
        let item = Int(result.lease.item)
        guard let maker = items[item].maker,
            workers[maker].node?.kernelClass == workers[index].node?.kernelClass,
            result.sha256 != items[item].sha256
        else { return true }
        let (name, first) = (workers[index].name, workers[maker].name)
        actions.append(.report(.resultsDiffer(item: item, worker: name, firstWorker: first)))
        workers[index].disputedItem = item
        // Either may be the faulty one.
        for suspect in [maker, index] { dropCheckpoints(madeBy: suspect) }
        isolate(index, reason: "its image \(item) differs from that of \(first)", now: now)
        return false
    }

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

    private mutating func requeue(_ item: Int) {
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
    private mutating func settled(_ item: Int) {
        retries.removeAll { $0 == item }
        checkpoints[item] = nil
        pictures[item] = nil
        if item == nextFresh { skipSettled(from: item + 1) }
        voidLeases(of: item)
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

extension WorkerPicture {
    fileprivate func fits(_ request: GenerationRequest) -> Bool {
        image.width == request.width && image.height == request.height
    }
}
