// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Results: checked, stored, announced, decoded; an image is completed once.
extension CoordinatorStateMachine {
    /// Whether a worker makes the pictures that this run wants: it may have another decoder.
    func takesPictures(of worker: WorkerNumber) -> Bool {
        configuration.wantsPictures && workers[worker].node?.model.vae == node.model.vae
    }

    /// A picture came; the result that it belongs to follows.
    ///
    /// One is kept per worker. Without one, or when it does not fit, the latents are decoded here.
    mutating func pictured(
        _ lease: Lease, _ picture: WorkerPicture, by worker: WorkerNumber, now: Duration
    ) {
        guard takesPictures(of: worker), let image = images.number(onWire: lease.item) else {
            return
        }
        if let reason = picture.problem(for: images[image].request), !has(.takeAnySize) {
            workers[worker].picture = nil
            strike(worker, reason: "\(lease): \(reason)", now: now)
        } else {
            workers[worker].picture = (lease, picture)
        }
    }

    mutating func arrived(
        _ result: LatentResult, from worker: WorkerNumber, on id: ConnectionID, now: Duration
    ) {
        let lease = result.lease
        let sent = workers[worker].picture
        workers[worker].picture = nil
        let isPaired = sent?.lease == lease || has(.takeAnyPicture)
        guard let image = images.number(onWire: lease.item) else {
            // It was settled long ago, and nothing refers to it.
            movedOn(worker, now: now)
            actions.append(.send(id, .resultAck(lease)))
            _ = isConfirmed(result, from: worker, now: now)
            return
        }
        let held = workers[worker].release { $0.image == image }
        if let reason = problem(of: result, for: image) {
            misfit(lease, held, from: worker, on: id, reason: reason, now: now)
            return
        }
        movedOn(worker, now: now)
        guard !images[image].undecodable.contains(where: { $0.lease == lease }) else {
            // The same lease once more: its latents could not be decoded.
            actions.append(.send(id, .resultAck(lease)))
            if let held, held.isLive { requeueIfUnleased(image) }
            return
        }
        switch images[image].status {
        case .failed, .cancelled:
            actions.append(.send(id, .resultAck(lease)))
            if images[image].status == .cancelled, has(.deliverCancelled) {
                decode(storing(result, nil, from: worker, on: id), of: image)
            }
            return
        case .decoding, .delivered:
            actions.append(.send(id, .resultAck(lease)))
            if has(.dropDedup) {
                decode(storing(result, nil, from: worker, on: id), of: image)
            }
            guard isConfirmed(result, from: worker, now: now) else { return }
        case .storing:
            images.awaitStore(of: image, lease, on: id)
            guard isConfirmed(result, from: worker, now: now) else { return }
        case .pending, .leased:
            if held?.isLive == true { _ = images.endLease(of: image) }
            store(image, storing(result, isPaired ? sent?.picture : nil, from: worker, on: id))
        }
        if held?.isProbe == true { provedSound(worker) }
    }

    private func storing(
        _ result: LatentResult, _ picture: WorkerPicture?, from worker: WorkerNumber,
        on id: ConnectionID
    ) -> StoringResult {
        StoringResult(
            result: result, maker: worker, worker: workers[worker].name,
            kernelClass: workers[worker].node?.kernelClass ?? "", picture: picture,
            waiting: [(id, result.lease)])
    }

    /// The first result of an image: it is acknowledged and announced when it is stored.
    private mutating func store(_ image: ImageNumber, _ result: StoringResult) {
        let liveCount = images.store(image, result)
        if liveCount > 0 { voidLeases(of: image) }
        if has(.ackBeforeStoring) {
            for (id, lease) in result.waiting { actions.append(.send(id, .resultAck(lease))) }
        }
        if has(.announceBeforeStoring) { announce(result, of: image) }
        actions.append(
            .store(image, result.result, worker: result.worker, kernelClass: result.kernelClass))
    }

    private mutating func announce(_ stored: StoringResult, of image: ImageNumber) {
        actions.append(
            .report(
                .completed(
                    stored.result.imageResult(
                        of: image, worker: stored.worker, kernelClass: stored.kernelClass))))
    }

    mutating func stored(_ image: ImageNumber) {
        guard let stored = images.stored(image) else { return }
        for (id, lease) in stored.waiting where workers.owner(of: id) != nil {
            actions.append(.send(id, .resultAck(lease)))
        }
        // It was cancelled meanwhile: what is on the disk may stay there.
        let isCancelled = !images.contains(image) || images[image].status == .cancelled
        guard !isCancelled || images.contains(image) && has(.deliverCancelled) else { return }
        announce(stored, of: image)
        decode(stored, of: image)
    }

    private mutating func decode(_ stored: StoringResult, of image: ImageNumber) {
        actions.append(
            .decode(
                StoredLatents(
                    image: image, request: images[image].request, result: stored.result,
                    worker: stored.worker, kernelClass: stored.kernelClass,
                    picture: stored.picture)))
    }

    /// One request has one result: of two that differ, one machine is faulty.
    ///
    /// The first stays; the worker of the other has to sample the image again before it gets more,
    /// or any image where that one's request is forgotten.
    private mutating func isConfirmed(
        _ result: LatentResult, from worker: WorkerNumber, now: Duration
    ) -> Bool {
        guard let (image, first) = images.firstResult(onWire: result.lease.item),
            workers[first.maker].node?.kernelClass == workers[worker].node?.kernelClass,
            result.sha256 != first.sha256
        else { return true }
        let (name, firstName) = (workers[worker].name, workers[first.maker].name)
        actions.append(
            .report(.resultsDiffer(image: image, worker: name, firstWorker: firstName)))
        if images.contains(image) { workers[worker].disputedImage = image }
        // Either may be the faulty one.
        for suspect in [first.maker, worker] { dropCheckpoints(madeBy: suspect) }
        isolate(worker, reason: "its image \(image) differs from that of \(firstName)", now: now)
        return false
    }

    /// No picture can be made of a result.
    ///
    /// If the decoder is sound, the latents are at fault: what was stored is taken back, the worker
    /// gets a strike and the image another attempt. If another worker returned the same latents, or
    /// this one did and no other is there, no attempt would bring others and the image fails.
    mutating func decodeFailed(
        _ image: ImageNumber, reason: String, isDecoderSound: Bool, now: Duration
    ) {
        guard images.contains(image), images[image].status == .decoding else { return }
        guard isDecoderSound, !has(.keepUndecodable), let lease = images[image].filledBy,
            let (sha256, maker) = images[image].firstResult.map({ ($0.sha256, $0.maker) })
        else {
            fail(
                image,
                FailedAttempt(reason: "decoding failed: \(reason)"))
            return
        }
        let failure = FailedAttempt(
            worker: workers[maker].name, attempt: lease.attempt,
            reason: "decoding failed: \(reason)")
        images[image].failedWorkers.insert(maker)
        images[image].chargedWorkers.insert(maker)
        images[image].failures.append(failure)
        let isAlone = !hasOther(for: image)
        let isAgreed = images[image].undecodable.contains {
            $0.sha256 == sha256 && ($0.maker != maker || isAlone)
        }
        images[image].undecodable.append((lease, sha256, maker))
        reopen(image)
        if images[image].isUnwanted {
            images.cancel(image)
            actions.append(.report(.cancelled(image: image)))
        } else if isAgreed || isExhausted(image) {
            fail(image, images[image].failures.removeLast())
        } else {
            images[image].notBefore = retryTime(of: image, now: now)
            actions.append(.report(.retried(image: image, failure: failure)))
            callBack(now: now)
        }
        guard !isAgreed else { return }
        dropCheckpoints(madeBy: maker)
        strike(maker, reason: "\(lease): \(failure.reason)", now: now)
    }

    /// Takes back the result of an image.
    private mutating func reopen(_ image: ImageNumber) {
        actions.append(.forget(image: image))
        for worker in workers.numbers where workers[worker].disputedImage == image {
            vindicate(worker)
        }
        images.reopen(image)
    }
}
