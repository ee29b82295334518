// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Results: judged, stored, announced, decoded; an image is completed once.
extension CoordinatorStateMachine {
    /// A picture came; the result that it belongs to follows.
    ///
    /// One is kept per worker. Without one, or when it does not fit, the latents are decoded here.
    mutating func pictured(
        _ lease: Lease, _ picture: WorkerPicture, by index: Int, now: Duration
    ) {
        guard configuration.wantsPictures else { return }
        let request = requests[Int(lease.item)]
        if let reason = picture.problem(for: request), !has(.takeAnySize) {
            workers[index].picture = nil
            strike(index, reason: "\(lease): \(reason)", now: now)
        } else {
            workers[index].picture = (lease, picture)
        }
    }

    mutating func arrived(
        _ result: LatentResult, from index: Int, on id: ConnectionID, now: Duration
    ) {
        let item = Int(result.lease.item)
        let sent = workers[index].picture
        workers[index].picture = nil
        let isPaired = sent?.lease == result.lease || has(.takeAnyPicture)
        let position = workers[index].leases.firstIndex { $0.lease.item == result.lease.item }
        let held = position.map { workers[index].leases.remove(at: $0) }
        if let reason = problem(of: result) {
            misfit(result.lease, held, from: index, on: id, reason: reason, now: now)
            return
        }
        movedOn(index, now: now)
        guard !items[item].undecodable.contains(where: { $0.lease == result.lease }) else {
            // The same lease once more: it brought what no picture can be made of.
            actions.append(.send(id, .resultAck(result.lease)))
            if let held, held.isLive { letGo(held.item) }
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
            awaitStore(of: item, result.lease, on: id)
            guard isConfirmed(result, from: index, now: now) else { return }
        case .pending, .leased:
            if held?.isLive == true { items[item].liveCount -= 1 }
            store(item, result, isPaired ? sent?.picture : nil, from: index, on: id)
        }
        if held?.isProbe == true { provedSound(index) }
    }

    /// Acknowledges one more result of an image when the first one is stored; each lease once.
    private mutating func awaitStore(of item: Int, _ lease: Lease, on id: ConnectionID) {
        let isKnown = storing[item]?.waiting.contains { $0.connection == id && $0.lease == lease }
        if isKnown == false { storing[item]?.waiting.append((id, lease)) }
    }

    /// The first result of an image: it is acknowledged and announced when it is stored.
    private mutating func store(
        _ item: Int, _ result: LatentResult, _ picture: WorkerPicture?, from index: Int,
        on id: ConnectionID
    ) {
        items[item].status = .storing
        items[item].sha256 = result.sha256
        items[item].maker = index
        items[item].filledBy = result.lease
        undecodedCount += 1
        let (name, kernelClass) = (workers[index].name, workers[index].node?.kernelClass ?? "")
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

    /// No picture can be made of a result.
    ///
    /// If the decoder is sound, the latents are at fault: what was stored is taken back, the worker
    /// gets a strike and the image another attempt, unless somebody brought the same latents
    /// before; then no attempt would bring others.
    mutating func decodeFailed(
        _ item: Int, reason: String, isDecoderSound: Bool, now: Duration
    ) {
        undecodedCount -= 1
        guard isDecoderSound, !has(.keepUndecodable), let lease = items[item].filledBy,
            let maker = items[item].maker
        else {
            items[item].status = .failed
            items[item].failures.append(
                AttemptFailure(worker: "", attempt: 0, reason: "decoding failed: \(reason)"))
            actions.append(.report(.failed(item: item, failures: items[item].failures)))
            return
        }
        let failure = AttemptFailure(
            worker: workers[maker].name, attempt: lease.attempt,
            reason: "decoding failed: \(reason)")
        let isAgreed = items[item].undecodable.contains { $0.sha256 == items[item].sha256 }
        items[item].undecodable.append((lease, items[item].sha256))
        items[item].failedWorkers.insert(maker)
        reopen(item)
        if isAgreed || items[item].chargedCount + 1 >= tolerance.attemptCountMax {
            fail(item, failure)
        } else {
            items[item].failures.append(failure)
            items[item].notBefore = retryTime(of: item, now: now)
            actions.append(.report(.retried(item: item, failure: failure)))
            callBack(now: now)
        }
        guard !isAgreed else { return }
        dropCheckpoints(madeBy: maker)
        strike(maker, reason: "\(lease): \(failure.reason)", now: now)
    }

    /// Takes back what an image was filled with.
    private mutating func reopen(_ item: Int) {
        actions.append(.forget(item: item))
        items[item].sha256 = []
        items[item].maker = nil
        items[item].filledBy = nil
        for index in workers.indices where workers[index].disputedItem == item { vindicate(index) }
        openCount += 1
        requeue(item)
    }
}
