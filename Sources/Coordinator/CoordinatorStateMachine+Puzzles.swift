// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Clusters of several versions: a worker gives back what it does not understand, and the image
/// goes to one that does.
///
/// Nobody is to blame, so it costs the worker no strike and the image no attempt.
extension CoordinatorStateMachine {
    /// A worker does not know a part of an image's request.
    mutating func puzzled(_ index: Int, by held: HeldLease, _ reason: String) {
        let item = held.item
        guard items[item].isOpen else { return }
        items[item].failedWorkers.insert(index)
        items[item].puzzledWorkers.insert(index)
        let name = workers[index].name
        items[item].puzzle = .notUnderstood(by: name, reason: reason)
        guard workers[index].lastPuzzle != reason else { return }
        workers[index].lastPuzzle = reason
        actions.append(.report(.notUnderstood(item: item, worker: name, reason: reason)))
    }

    /// Another process took a worker's place: it may be a newer one.
    mutating func forgetPuzzles(of index: Int) {
        guard workers[index].lastPuzzle != nil else { return }
        workers[index].lastPuzzle = nil
        for item in items.indices where items[item].puzzledWorkers.remove(index) != nil {
            items[item].failedWorkers.remove(index)
        }
    }

    /// Fails the images that nobody understands who is there or may still come.
    mutating func failPuzzles(now: Duration) {
        // Mostly one look at each worker: without a puzzle it may draw whatever waits.
        guard !hasNoWorkers else { return }
        let present = workers.indices.filter { workers[$0].phase == .ready }
        guard present.allSatisfy({ workers[$0].lastPuzzle != nil }) else { return }
        let puzzling = retries.filter { items[$0].puzzle != nil }
        guard !puzzling.isEmpty else { return }
        // While other images are drawn, workers may come late.
        let isBusy = openCount > puzzling.count
        let expected = workers.indices.filter { isBusy ? !workers[$0].isGone : isExpected($0, now) }
        for item in puzzling where items[item].puzzledWorkers.isSuperset(of: expected) {
            if let failure = items[item].puzzle { fail(item, failure) }
        }
    }

    /// Whether a worker is there, or will be within the time that each is given to come.
    private func isExpected(_ index: Int, _ now: Duration) -> Bool {
        switch workers[index].phase {
        case .gone: false
        case .ready: true
        case .waiting, .connecting, .greeting:
            workers[index].busySince != nil || isAwaited(index, now: now)
        }
    }
}
