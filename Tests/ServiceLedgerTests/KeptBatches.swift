// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

/// The rules of what is kept in a simulation.
struct KeptBatches {
    /// What callers asked for last; a crash may have lost it.
    private var pins: [BatchID: Bool] = [:]
    private var eraseWanted: Set<BatchID> = []
    /// Batches whose erasure was decided in this life of the service.
    private var erasing: Set<BatchID> = []

    mutating func notePin(_ id: BatchID, isPinned: Bool) { pins[id] = isPinned }

    mutating func noteEraseWanted(_ id: BatchID) { eraseWanted.insert(id) }

    mutating func loseAll() { erasing = [] }

    /// Nothing is erased early, or that somebody needs.
    mutating func problem(
        of change: LedgerChange, _ disk: SimulatedDisk, _ clients: WaitingClients,
        _ limits: LedgerLimits, now: Double
    ) -> String? {
        guard case .erase(let id, _) = change else { return nil }
        erasing.insert(id)
        guard !eraseWanted.contains(id), let record = disk.records[id] else { return nil }
        if record.isPinned, pins[id] != false { return "batch \(id) is pinned and erased" }
        if !clients.waiting(for: id).isEmpty { return "batch \(id) is erased and awaited" }
        let isExpired = limits.keepSeconds.map { now - record.endedAt > $0 } ?? false
        let isExcess = limits.keepByteCount.map { disk.byteCount > $0 } ?? false
        return isExpired || isExcess ? nil : "batch \(id) is erased early"
    }

    /// No more is kept than may be, unless somebody needs it.
    func problem(
        of disk: SimulatedDisk, _ clients: WaitingClients, _ limits: LedgerLimits, now: Double
    ) -> String? {
        guard let max = limits.keepByteCount else { return nil }
        let leaving = erasing.reduce(0) { $0 + (disk.records[$1]?.byteCount ?? 0) }
        guard disk.byteCount - leaving > max else { return nil }
        let needless = disk.records.values.first { record in
            let id = record.accepted.id
            return record.status != nil && record.byteCount > 0 && !erasing.contains(id)
                && !record.isPinned && pins[id] != true
                && !clients.isNeeded(id, limits, now: now)
        }
        return needless.map { "\(disk.byteCount) bytes are kept, with batch \($0.accepted.id)" }
    }
}
