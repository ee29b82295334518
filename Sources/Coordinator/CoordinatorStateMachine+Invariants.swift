// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// What must hold after every event between images and workers; checked by the simulation.
///
/// What holds within a table is the table's own business.
extension CoordinatorStateMachine {
    /// Leases of an image, and those of them that are not overdue.
    private typealias HolderCounts = (live: Int, promising: Int)

    /// The first broken rule, `nil` when all hold.
    ///
    /// - Complexity: O(images + workers); for tests.
    package func brokenInvariant() -> String? {
        var tokens: Set<UInt64> = []
        var holders: [ImageNumber: HolderCounts] = [:]
        for worker in workers.numbers {
            if let problem = brokenLease(of: worker, &tokens, &holders) { return problem }
        }
        if wasCancelled { return nil }
        // Only what refers to a settled image keeps its request.
        let referenceCount = workers.numbers.reduce(tokens.count) {
            $0 + (workers[$1].disputedImage == nil ? 0 : 1)
        }
        if images.lingeringCount > referenceCount + images.storingCount {
            return "\(images.lingeringCount) settled images are not forgotten"
        }
        if images.rememberedCount > configuration.rememberedImageCount {
            return "\(images.rememberedCount) results are remembered"
        }
        let broken = images.first { problem(of: $0, holders[$0.number] ?? (0, 0)) != nil }
        if let broken, let problem = problem(of: images[broken], holders[broken] ?? (0, 0)) {
            return "image \(broken) \(problem)"
        }
        return images.brokenInvariant()
    }

    /// Results that wait for the disk, the decoder or its consumer; for tests.
    package var backlogCount: Int { images.undecodedCount }

    /// Images whose requests are kept, and delivered ones of which the result is remembered; for
    /// tests.
    package var keptCounts: (requests: Int, results: Int) {
        (images.count, images.rememberedCount)
    }

    /// Images that are not settled; for tests.
    package var openImageCount: Int { images.openCount }

    /// Leases that workers hold, and connections that have not ended; for tests.
    package var leaseAndConnectionCounts: (leases: Int, connections: Int) {
        (workers.numbers.reduce(0) { $0 + workers[$1].leases.count }, workers.connectionCount)
    }

    private func brokenLease(
        of number: WorkerNumber, _ tokens: inout Set<UInt64>,
        _ holders: inout [ImageNumber: HolderCounts]
    ) -> String? {
        let (worker, leases) = (workers[number].name, workers[number].leases)
        if leases.isEmpty { return nil }
        if workers[number].phase != .ready {
            return "\(worker) holds leases but is \(workers[number].phase)"
        }
        if workers[number].reportedDrain == .done {
            return "\(worker) was reported as drained and holds \(leases.count) leases"
        }
        if leases.count > workers[number].node?.credits ?? 0 {
            return "\(worker) holds \(leases.count) leases, beyond its credits"
        }
        if leases.count > 1, workers[number].pictureCount > 1, leases.contains(where: \.isAlone) {
            return "\(worker) samples an image beside others that has to be alone"
        }
        for held in leases {
            guard tokens.insert(held.lease.token).inserted else {
                return "\(held.lease) has another one's token"
            }
            guard images.contains(held.image) else {
                return "image \(held.image) is forgotten, but \(worker) holds it"
            }
            if leases.count(where: { $0.image == held.image }) > 1 {
                return "\(worker) holds image \(held.image) twice"
            }
            if held.isLive { holders[held.image, default: (0, 0)].live += 1 }
            if held.isPromising { holders[held.image, default: (0, 0)].promising += 1 }
        }
        return nil
    }

    private func problem(of entry: borrowing ImageTable.Entry, _ holders: HolderCounts) -> String? {
        if entry.liveCount != holders.live {
            return "has \(holders.live) leases, not \(entry.liveCount)"
        }
        if entry.chargedCount > tolerance.attemptCountMax + 1, entry.chargedWorkers.count > 2 {
            return "failed \(entry.failures.count) times"
        }
        // What is overdue may have a copy that becomes overdue too.
        let isLeased = entry.status == .leased
        return (holders.live > 0) == isLeased && holders.promising <= 2
            ? nil : "is \(entry.status), with \(entry.liveCount) live leases"
    }
}
