// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

/// Batches that their callers pin.
extension SimulatedService {
    mutating func askForPin(_ index: Int) {
        let known = batches[index] ?? clients.batch(of: index)
        guard let id = known, let pin = scenario.requests[index].pin else { return }
        let ticket = ticket(Asked(request: index, question: .pin(pin.isPinned)))
        kept.notePin(id, isPinned: pin.isPinned)
        let visitor = Visitor(scenario.requests[index].caller)
        apply(.pin(id, isPinned: pin.isPinned, by: visitor, ticket: ticket))
    }

    func problemOfPin(_ isPinned: Bool, _ answer: LedgerAnswer) -> String? {
        guard case .done(let id) = answer, let record = disk.records[id] else { return nil }
        return record.isPinned == isPinned || record.erasedAt != nil
            ? nil : "batch \(id) is said to be \(isPinned ? "pinned" : "unpinned")"
    }
}
