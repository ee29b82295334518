// SPDX-License-Identifier: Apache-2.0

/// Ends of batches: by themselves, cancelled, erased.
extension Ledger {
    /// A caller does not want a batch any more.
    mutating func end(
        _ id: BatchID, by visitor: Visitor, _ ticket: Ticket, erases: Bool, now: Double
    ) {
        guard isVisible(id, to: visitor) || bug == .obeyStrangers && owner(of: id) != nil else {
            actions.append(.answer(ticket, .refused(.unknownBatch)))
            return
        }
        if live[id] != nil {
            endLive(id, ticket, erases: erases, now: now)
        } else if ended[id]?.erasedAt != nil {
            actions.append(.answer(ticket, erases ? .done(id) : .refused(.erased)))
        } else if erases {
            erase(id, [ticket], now: now)
        } else {
            actions.append(.answer(ticket, .done(id)))
        }
    }

    private mutating func endLive(_ id: BatchID, _ ticket: Ticket, erases: Bool, now: Double) {
        let begins = endings[id] == nil
        endings[id, default: Ending()].tickets.append(ticket)
        if begins {
            order.remove(id)
            commitEnd(of: id, .cancelled, now: now)
        }
        if erases, endings[id]?.isErased == false {
            endings[id]?.isErased = true
            commit([.erase(id, at: now)], [.erased(id, at: now)])
        }
        guard bug == .cancelBeforeCommit else { return }
        actions.append(.answer(ticket, .done(id)))
        endings[id]?.tickets.removeLast()
    }

    mutating func commitEnd(of id: BatchID, _ status: BatchStatus, now: Double) {
        let end = BatchEnd(status: status, startedAt: live[id]?.startedAt, endedAt: now)
        commit([.end(id, end)], [.ended(id, end)])
    }

    mutating func erase(_ id: BatchID, _ tickets: [Ticket], now: Double) {
        let begins = endings[id] == nil
        endings[id, default: Ending(isErased: true)].tickets += tickets
        if begins { commit([.erase(id, at: now)], [.erased(id, at: now)]) }
    }

    /// The end of a batch is on the disk.
    mutating func hasEnded(_ id: BatchID, _ end: BatchEnd) {
        guard let batch = live.removeValue(forKey: id) else { return }
        let accepted = batch.accepted
        places.removeAll { $0.id == id }
        order.remove(id)
        if bug != .leakImage { offeredCount -= batch.unsampledCount }
        openCount -= batch.openCount
        accounts[accepted.caller]?.openCount -= batch.openCount
        ended[id] = EndedBatch(
            id: id, caller: accepted.caller, key: accepted.submission.key,
            bodyDigest: accepted.submission.bodyDigest, status: end.status, endedAt: end.endedAt,
            origin: accepted.submission.origin, byteCount: batch.byteCount,
            isPinned: batch.isPinned)
        if waits[id]?.count == 0 {
            orphanEnds[end.status == .cancelled ? .cancelled : .finished, default: 0] += 1
            if end.status == .cancelled { waits[id] = nil }
        }
        if end.status == .cancelled { actions.append(.withdraw(accepted)) }
        actions.append(.report(.batch(id)))
        // Those who want it erased wait for that.
        guard let ending = endings[id], !ending.isErased else { return }
        endings[id] = nil
        for ticket in ending.tickets { actions.append(.answer(ticket, .done(id))) }
    }

    /// That a batch is not kept is on the disk.
    mutating func wasErased(_ id: BatchID, at time: Double) {
        ended[id]?.erasedAt = time
        keptByteCount -= ended[id]?.byteCount ?? 0
        ended[id]?.byteCount = 0
        actions.append(.removeFiles(id))
        actions.append(.report(.erased(id)))
        guard let ending = endings.removeValue(forKey: id) else { return }
        for ticket in ending.tickets { actions.append(.answer(ticket, .done(id))) }
    }
}
