// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

extension LedgerScenario.ClientRequest {
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

    mutating func join(_ request: Int, _ id: BatchID) {
        waiting[id, default: []].insert(request)
        orphanedAt[id] = nil
    }

    /// - Returns: whether it waited.
    mutating func leave(_ request: Int, _ id: BatchID, now: Double) -> Bool {
        guard waiting[id]?.remove(request) != nil else { return false }
        if waiting[id]?.isEmpty == true {
            waiting[id] = nil
            orphanedAt[id] = now
        }
        return true
    }

    /// The service was killed: nobody waits for what the disk has.
    mutating func loseAll(_ disk: SimulatedDisk, now: Double) {
        for (id, record) in disk.records where record.accepted.submission.origin.isSync {
            orphanedAt[id] = now
        }
        waiting = [:]
    }

    /// No caller has more requests that wait than it may.
    func problem(of caller: CallerID, _ disk: SimulatedDisk, _ limits: LedgerLimits) -> String? {
        let count = waiting.reduce(0) { sum, entry in
            sum + (disk.records[entry.key]?.accepted.caller == caller ? entry.value.count : 0)
        }
        return count > limits.waitingPerCaller ? "\(count) requests of \(caller) wait" : nil
    }

    mutating func noteEndWanted(_ id: BatchID) { endWanted.insert(id) }

    /// Whether a client waits for a batch, or may come back for it.
    func isNeeded(_ id: BatchID, _ limits: LedgerLimits, now: Double) -> Bool {
        if waiting[id] != nil { return true }
        guard let since = orphanedAt[id] else { return false }
        return now - since < limits.orphanGraceSeconds + 2 * Self.tickSeconds
    }

    func isWaiting(_ request: Int) -> Bool { batch(of: request) != nil }

    func batch(of request: Int) -> BatchID? { waiting.first { $0.value.contains(request) }?.key }

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
        guard let since = orphanedAt[id] else {
            return "batch \(id) is cancelled, and no client has left it"
        }
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
        of request: LedgerScenario.ClientRequest, _ disk: SimulatedDisk, _ ending: Set<BatchID>,
        _ limits: LedgerLimits, now: Double
    ) -> BatchID? {
        orphanedAt.keys.first { id in
            guard let record = disk.records[id], let since = orphanedAt[id] else { return false }
            return record.status == nil && !ending.contains(id) && !endWanted.contains(id)
                && record.accepted.caller == request.caller
                && record.accepted.submission.bodyDigest == request.digest
                && now - since < limits.orphanGraceSeconds
        }
    }
}
