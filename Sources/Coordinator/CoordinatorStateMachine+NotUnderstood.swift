// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Clusters of several versions: a worker gives back what it does not understand, and the image
/// goes to one that does.
///
/// It is no fault, so it costs the worker no strike and the image no attempt.
extension CoordinatorStateMachine {
    /// A worker does not know a part of an image's request.
    mutating func notUnderstood(_ held: HeldLease, by worker: WorkerNumber, _ reason: String) {
        let image = held.image
        guard images[image].awaitsResult else { return }
        images[image].failedWorkers.insert(worker)
        images[image].notUnderstoodBy.insert(worker)
        let name = workers[worker].name
        images[image].notUnderstood = .notUnderstood(by: name, reason: reason)
        guard workers[worker].lastNotUnderstood != reason else { return }
        workers[worker].lastNotUnderstood = reason
        actions.append(
            .report(.notUnderstood(image: image, worker: name, reason: reason)))
    }

    /// Another process took a worker's place: it may be a newer one.
    mutating func forgetNotUnderstood(of worker: WorkerNumber) {
        guard workers[worker].lastNotUnderstood != nil else { return }
        workers[worker].lastNotUnderstood = nil
        for image in images.numbers(where: { $0.notUnderstoodBy.contains(worker) }) {
            images[image].notUnderstoodBy.remove(worker)
            images[image].failedWorkers.remove(worker)
        }
    }

    /// Fails the images that no worker understands that is there or may still come.
    mutating func failNotUnderstood(now: Duration) {
        // Mostly one look at each worker: one that understood all so far may generate whatever
        // waits.
        guard !workers.areGone else { return }
        let present = workers.numbers.filter { workers[$0].phase == .ready }
        guard present.allSatisfy({ workers[$0].lastNotUnderstood != nil }) else { return }
        let candidates = images.queue.retries.filter { images[$0].notUnderstood != nil }
        guard !candidates.isEmpty else { return }
        // While other images are generated, workers may come late.
        let isBusy = images.openCount > candidates.count
        let expected = workers.numbers.filter {
            isBusy ? !workers[$0].isGone : isExpected($0, now)
        }
        for image in candidates where images[image].notUnderstoodBy.isSuperset(of: expected) {
            if let failure = images[image].notUnderstood { fail(image, failure) }
        }
    }

    /// Whether a worker is there, or will be within the time that each is given to come.
    private func isExpected(_ worker: WorkerNumber, _ now: Duration) -> Bool {
        switch workers[worker].phase {
        case .gone: false
        case .ready: true
        case .waiting, .connecting, .greeting:
            workers[worker].busySince != nil || isAwaited(worker, now: now)
        }
    }
}
