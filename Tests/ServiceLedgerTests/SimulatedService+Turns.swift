// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

/// Whose turn it is.
extension SimulatedService {
    /// A batch that is about to end gets no turns any more.
    mutating func noteEnd(_ change: LedgerChange) {
        guard case .end(let id, _) = change, let caller = disk.records[id]?.accepted.caller
        else { return }
        ending.insert(id)
        noteNoneWaits(id, caller)
    }

    mutating func noteWaiting(_ batch: AcceptedBatch, _ count: Int) {
        guard count > 0 else { return }
        waiting[batch.id, default: 0] += count
        callers.join(batch.caller)
        turns[batch.caller, default: TurnWatch()].join(batch.id)
    }

    mutating func noteNoneWaits(_ id: BatchID, _ caller: CallerID) {
        waiting[id] = nil
        turns[caller]?.leave(id)
        let hasMore = waiting.keys.contains { disk.records[$0]?.accepted.caller == caller }
        if !hasMore { callers.leave(caller) }
    }

    mutating func serveTurn(of id: BatchID, _ caller: CallerID) {
        let late: Any? = callers.serve(caller) ?? turns[caller]?.serve(id)
        if let late, scenario.isUniform {
            problem = problem ?? "\(late) waits longer than its turn"
        }
        waiting[id]? -= 1
        if waiting[id] == 0 { noteNoneWaits(id, caller) }
    }
}
