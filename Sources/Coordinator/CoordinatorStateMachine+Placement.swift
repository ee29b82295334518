// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Who gets which image: of the workers that are worthwhile, the one expected to finish first.
///
/// A worker that does not understand an image, or that failed it while a better one is there, is
/// skipped; one whose results are disputed samples only the disputed image.
///
/// Towards the end of a batch a slow worker gets nothing that the others would finish sooner, what
/// waits behind another image moves to an idle worker, and the slowest images are generated twice.
extension CoordinatorStateMachine {
    /// Gives pending images to workers with credit.
    mutating func grant(now: Duration) {
        guard images.undecodedCount < configuration.decodeBacklogMax || has(.ignoreBacklog)
        else { return }
        // Most events free no worker; then nothing can be leased.
        var free = workers.numbers.filter { isFree($0, now: now) }
        guard !free.isEmpty else { return }
        noteUsualPace()
        checkDisputed(among: free, now: now)
        while let next = firstDue(among: free, now: now) {
            guard let (image, worker) = place(like: next, among: free, now: now) else { break }
            lease(image, to: worker, now: now)
            if !isFree(worker, now: now) { free.removeAll { $0 == worker } }
        }
        let idle = free.filter {
            workers[$0].idleThreadCount > 0 && workers[$0].freeCredits(now: now) > 0
        }
        guard !idle.isEmpty else { return }
        tailCheck = now + Self.tailInterval
        // Where batches follow each other the next image may only be on its way.
        let unneeded = idle.filter {
            end == .whenEmpty || now - workers[$0].lastProgress >= Self.tailInterval
        }
        if firstDue(among: idle, now: now) == nil { relieveOthers(unneeded, now: now) }
    }

    private func isFree(_ worker: WorkerNumber, now: Duration) -> Bool {
        workers[worker].freeCredits(now: now) > 0
            || has(.forgetCredits) && workers[worker].isUsable(now: now)
            || has(.leaseToSetAside)
                && workers[worker].freeCredits(now: now, isUnderWay: true) > 0
    }

    /// Workers that sent other latents than another one sample the same image again.
    private mutating func checkDisputed(among free: [WorkerNumber], now: Duration) {
        guard images.queue.count > 0 else { return }
        for worker in free where workers[worker].freeCredits(now: now) > 0 {
            if let image = workers[worker].disputedImage { check(worker, with: image, now: now) }
        }
    }

    // MARK: Pending images

    private func firstDue(among free: [WorkerNumber], now: Duration) -> ImageNumber? {
        images.queue.next { image in
            images[image].notBefore <= now && !images[image].notUnderstoodBy.isSuperset(of: free)
        }
    }

    /// The next image and its worker: the earliest to finish among worthwhile workers.
    private func place(
        like next: ImageNumber, among free: [WorkerNumber], now: Duration
    ) -> (image: ImageNumber, worker: WorkerNumber)? {
        var candidates: [(seconds: Double, worker: WorkerNumber)] = []
        for worker in free
        where isFree(worker, now: now) && workers[worker].disputedImage == nil {
            candidates.append((finish(of: next, by: worker, now: now), worker))
        }
        candidates.sort {
            ($0.seconds, workers[$0.worker].leases.count, $0.worker)
                < ($1.seconds, workers[$1.worker].leases.count, $1.worker)
        }
        for (seconds, worker) in candidates {
            guard let image = nextPending(for: worker, now: now),
                isWorthwhile(worker, seconds: seconds, image, now: now)
            else { continue }
            return (image, worker)
        }
        return nil
    }

    private func nextPending(for worker: WorkerNumber, now: Duration) -> ImageNumber? {
        if awaitsSolitude(worker, now: now) { return nil }
        return images.queue.next { image in
            guard images[image].notBefore <= now, let doubt = doubt(of: worker, with: image),
                !workers[worker].holds(image)
            else { return false }
            // Not back to a worker that failed it while a better one is there.
            return doubt == 0
                || !workers.numbers.contains { other in
                    workers[other].isUsable(now: now)
                        && self.doubt(of: other, with: image).map { $0 < doubt } ?? false
                }
        }
    }

    /// Whether a worker that samples several images at the same time is to finish those it has:
    /// the next one has to be alone there.
    private func awaitsSolitude(_ worker: WorkerNumber, now: Duration) -> Bool {
        guard workers[worker].pictureCount > 1, !workers[worker].leases.isEmpty,
            !has(.forgetSolitude)
        else { return false }
        return images.queue.retries.contains { image in
            images[image].notBefore <= now && images[image].losses.needSolitude
                && doubt(of: worker, with: image) != nil
        }
    }

    /// Reasons against leasing an image to a worker: 0 if it never failed it, 1 if it was lost with
    /// it, 2 if its failures may have been its own fault; `nil` if it does not understand it.
    private func doubt(of worker: WorkerNumber, with image: ImageNumber) -> Int? {
        if images[image].notUnderstoodBy.contains(worker) { return nil }
        if images[image].chargedWorkers.contains(worker) { return 2 }
        return images[image].failedWorkers.contains(worker) ? 1 : 0
    }

    /// Whether the others would not be done with all that is pending before this worker is done
    /// with one image of it.
    private func isWorthwhile(
        _ worker: WorkerNumber, seconds: Double, _ image: ImageNumber, now: Duration
    ) -> Bool {
        guard workers[worker].pace.mean != nil else { return true }
        var left = Double(images.queue.count)
        for other in workers.numbers
        where other != worker && !images[image].failedWorkers.contains(other)
            && !workers[other].holds(image)
        {
            guard workers[other].pace.mean != nil, !workers[other].isOnProbation,
                workers[other].isUsable(now: now)
            else { continue }
            // Strictly before: of two equals one has to take it.
            let each = imageSeconds(image, by: other)
            left -= imagesDone(by: other, within: seconds, each: each, now: now)
            if left <= 0 { return false }
        }
        return true
    }

    /// Workers whose pace is not known yet are taken for ordinary ones.
    private mutating func noteUsualPace() {
        let known = workers.numbers.compactMap { workers[$0].pace.mean }
        usualUnitSeconds = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
    }
}
