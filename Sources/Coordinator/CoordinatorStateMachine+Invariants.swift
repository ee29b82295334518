// SPDX-License-Identifier: Apache-2.0

import WireProtocol

/// What must hold after every event; checked by the simulation.
extension CoordinatorStateMachine {
    /// The first broken rule, `nil` when all hold.
    ///
    /// - Complexity: O(images + workers); for tests.
    package func brokenInvariant() -> String? {
        let open = items.count(where: \.isOpen)
        if !wasCancelled, open != openCount { return "\(open) images are open, not \(openCount)" }
        if undecodedCount < 0 { return "\(undecodedCount) results wait for the decoder" }
        if retries != Set(retries).sorted() { return "the retries are not in prompt order" }
        if let stray = retries.first(where: { items[$0].status != .pending }) {
            return "image \(stray) waits for a retry but is \(items[stray].status)"
        }
        return brokenLease() ?? lostItem()
    }

    /// Results that wait for the decoder or its consumer; for tests.
    package var backlogCount: Int { undecodedCount }

    private func brokenLease() -> String? {
        var holders: [UInt32: Int] = [:]
        for worker in workers {
            if !worker.leases.isEmpty, worker.phase != .ready {
                return "\(worker.name) holds leases but is \(worker.phase)"
            }
            if worker.leases.count > worker.node?.credits ?? 0 {
                return "\(worker.name) holds \(worker.leases.count) leases, beyond its credits"
            }
            for held in worker.leases { holders[held.lease.item, default: 0] += 1 }
        }
        for (index, item) in items.enumerated() where !wasCancelled {
            let count = holders[UInt32(index)] ?? 0
            switch item.status {
            case .leased where count != 1: return "image \(index) is leased \(count) times"
            case .pending where count != 0: return "image \(index) is pending and leased"
            case .pending, .leased, .completed, .failed, .cancelled: break
            }
        }
        return nil
    }

    private func lostItem() -> String? {
        let waiting = Set(retries)
        for (index, item) in items.enumerated()
        where item.status == .pending && index < nextFresh && !waiting.contains(index) {
            return "image \(index) is pending but nobody will lease it"
        }
        return nil
    }
}
