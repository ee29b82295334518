// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

extension LedgerScenario.Wish {
    /// How its batch comes.
    var origin: BatchOrigin { isSync ? .sdapi : .batch }
    /// Of its body, and of the path where its client waits.
    var digest: [UInt8] { isSync ? [body, 1] : [body] }
}

/// The clients of a simulation that wait for their pictures, and the rules of orphans.
struct WaitingClients {
    /// Between two looks at what nobody waits for.
    private static let tickSeconds = 29.0

    /// Wishes whose clients wait, by batch.
    private var waiting: [BatchID: Set<Int>] = [:]
    /// Since when nobody waits for a batch.
    private var orphanedAt: [BatchID: Double] = [:]
    /// Batches that somebody has asked to end.
    private var endWanted: Set<BatchID> = []

    mutating func join(_ wish: Int, _ id: BatchID) {
        waiting[id, default: []].insert(wish)
        orphanedAt[id] = nil
    }

    /// - Returns: whether it waited.
    mutating func leave(_ wish: Int, _ id: BatchID, now: Double) -> Bool {
        guard waiting[id]?.remove(wish) != nil else { return false }
        if waiting[id]?.isEmpty == true {
            waiting[id] = nil
            orphanedAt[id] = now
        }
        return true
    }

    mutating func loseAll(now: Double) {
        for id in waiting.keys { orphanedAt[id] = now }
        for id in orphanedAt.keys { orphanedAt[id] = now }
        waiting = [:]
    }

    mutating func noteEndWanted(_ id: BatchID) { endWanted.insert(id) }

    func isWaiting(_ wish: Int) -> Bool { batch(of: wish) != nil }

    func batch(of wish: Int) -> BatchID? { waiting.first { $0.value.contains(wish) }?.key }

    func waiting(for id: BatchID) -> [Int] { waiting[id, default: []].sorted() }

    /// Nobody's batch is cancelled early.
    func problem(
        of change: LedgerChange, _ disk: SimulatedDisk, _ limits: LedgerLimits, now: Double
    ) -> String? {
        guard case .end(let id, let end) = change, end.status == .cancelled,
            !endWanted.contains(id)
        else { return nil }
        guard disk.records[id]?.accepted.submission.origin.isSync == true else {
            return "batch \(id) is cancelled, and nobody asked for that"
        }
        if waiting[id] != nil { return "batch \(id) is cancelled while its client waits" }
        guard let since = orphanedAt[id] else { return nil }
        return now - since < limits.orphanGraceSeconds
            ? "batch \(id) is cancelled \(now - since) s after its client left" : nil
    }

    /// Nobody's batch lives for ever.
    func problem(
        of disk: SimulatedDisk, _ ending: Set<BatchID>, _ limits: LedgerLimits, now: Double
    ) -> String? {
        for (id, since) in orphanedAt where disk.records[id]?.status == nil {
            guard disk.records[id] != nil, !ending.contains(id) else { continue }
            if now - since > limits.orphanGraceSeconds + 2 * Self.tickSeconds {
                return "batch \(id) is generated \(now - since) s after its client left"
            }
        }
        return nil
    }

    /// A batch that a repeated request has to get.
    func orphan(
        of wish: LedgerScenario.Wish, _ disk: SimulatedDisk, _ ending: Set<BatchID>,
        _ limits: LedgerLimits, now: Double
    ) -> BatchID? {
        orphanedAt.keys.first { id in
            guard let record = disk.records[id], let since = orphanedAt[id] else { return false }
            return record.status == nil && !ending.contains(id) && !endWanted.contains(id)
                && record.accepted.caller == wish.caller
                && record.accepted.submission.bodyDigest == wish.digest
                && now - since < limits.orphanGraceSeconds
        }
    }
}
