// SPDX-License-Identifier: Apache-2.0

import WireProtocol

/// What must hold after every event; checked by the simulation.
extension CoordinatorStateMachine {
    /// The first broken rule, `nil` when all hold.
    ///
    /// - Complexity: O(images + workers); for tests.
    package func brokenInvariant() -> String? {
        let open = items.count(where: \.isUnsettled)
        if !wasCancelled, open != openCount { return "\(open) images are open, not \(openCount)" }
        if undecodedCount < 0 { return "\(undecodedCount) results wait for the decoder" }
        for (first, second) in zip(retries, retries.dropFirst()) where first >= second {
            return "the retries are not in prompt order"
        }
        if let stray = retries.first(where: { items[$0].status != .pending }) {
            return "image \(stray) waits for a retry but is \(items[stray].status)"
        }
        return brokenLease() ?? lostItem()
    }

    /// Results that wait for the decoder or its consumer; for tests.
    package var backlogCount: Int { undecodedCount }

    private func brokenLease() -> String? {
        var tokens: Set<UInt64> = []
        var holders = Array(repeating: 0, count: items.count)
        for (index, worker) in workers.enumerated() {
            if !worker.leases.isEmpty, worker.phase != .ready {
                return "\(worker.name) holds leases but is \(worker.phase)"
            }
            if worker.leases.count > worker.node?.credits ?? 0 {
                return "\(worker.name) holds \(worker.leases.count) leases, beyond its credits"
            }
            for held in worker.leases {
                guard tokens.insert(held.lease.token).inserted else {
                    return "\(held.lease) has another one's token"
                }
                if held.isLive { holders[held.item] += 1 }
                let isTwice = workers[index].leases.count { $0.item == held.item } > 1
                if isTwice { return "\(worker.name) holds image \(held.item) twice" }
            }
        }
        for (index, item) in items.enumerated() where !wasCancelled {
            if item.liveCount != holders[index] {
                return "image \(index) has \(holders[index]) leases, not \(item.liveCount)"
            }
            if item.chargedCount > tolerance.attemptCountMax + 1 {
                return "image \(index) failed \(item.failures.count) times"
            }
            switch item.status {
            case .leased where !(1...2).contains(item.liveCount):
                return "image \(index) is leased \(item.liveCount) times"
            case .pending where item.liveCount != 0: return "image \(index) is pending and leased"
            case .completed where item.liveCount != 0: return "image \(index) is done and leased"
            case .storing where item.liveCount != 0: return "image \(index) is here and leased"
            case .pending, .leased, .storing, .completed, .failed, .cancelled: break
            }
        }
        return nil
    }

    private func lostItem() -> String? {
        for index in 0..<min(nextFresh, items.count)
        where items[index].status == .pending && !retries.contains(index) {
            return "image \(index) is pending but nobody will lease it"
        }
        return nil
    }
}
