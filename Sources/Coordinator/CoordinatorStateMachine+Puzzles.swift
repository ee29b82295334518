// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Clusters of several versions: a worker gives back what it does not understand, and the image
/// goes to one that does.
///
/// Nobody is to blame, so it costs the worker no strike and the image no attempt.
extension CoordinatorStateMachine {
    /// A worker does not know a part of an image's request.
    mutating func puzzled(_ worker: WorkerNumber, by held: HeldLease, _ reason: String) {
        let image = held.image
        guard images[image].awaitsResult else { return }
        images[image].failedWorkers.insert(worker)
        images[image].puzzledWorkers.insert(worker)
        let name = workers[worker].name
        images[image].puzzle = .notUnderstood(by: name, reason: reason)
        guard workers[worker].lastPuzzle != reason else { return }
        workers[worker].lastPuzzle = reason
        actions.append(
            .report(.notUnderstood(item: image.rawValue, worker: name, reason: reason)))
    }

    /// Another process took a worker's place: it may be a newer one.
    mutating func forgetPuzzles(of worker: WorkerNumber) {
        guard workers[worker].lastPuzzle != nil else { return }
        workers[worker].lastPuzzle = nil
        for image in images.numbers(where: { $0.puzzledWorkers.contains(worker) }) {
            images[image].puzzledWorkers.remove(worker)
            images[image].failedWorkers.remove(worker)
        }
    }

    /// Fails the images that no worker understands that is there or may still come.
    mutating func failPuzzles(now: Duration) {
        // Mostly one look at each worker: without a puzzle it may generate whatever waits.
        guard !workers.areGone else { return }
        let present = workers.numbers.filter { workers[$0].phase == .ready }
        guard present.allSatisfy({ workers[$0].lastPuzzle != nil }) else { return }
        let puzzling = images.queue.retries.filter { images[$0].puzzle != nil }
        guard !puzzling.isEmpty else { return }
        // While other images are generated, workers may come late.
        let isBusy = images.openCount > puzzling.count
        let expected = workers.numbers.filter {
            isBusy ? !workers[$0].isGone : isExpected($0, now)
        }
        for image in puzzling where images[image].puzzledWorkers.isSuperset(of: expected) {
            if let failure = images[image].puzzle { fail(image, failure) }
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
