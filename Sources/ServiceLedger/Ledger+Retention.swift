// SPDX-License-Identifier: Apache-2.0

/// What is kept, and for how long.
extension Ledger {
    /// Most batches that are erased at once, every few seconds: more than a cluster finishes.
    private static let eraseCountMax = 256

    /// A caller wants a batch to be kept, or does not need it any more.
    mutating func pin(_ id: BatchID, _ isPinned: Bool, by visitor: Visitor, _ ticket: Ticket) {
        guard isVisible(id, to: visitor) else {
            actions.append(.answer(ticket, .refused(.unknownBatch)))
            return
        }
        guard ended[id]?.erasedAt == nil, endings[id]?.isErased != true else {
            actions.append(.answer(ticket, .refused(.erased)))
            return
        }
        // At once: nothing is erased between the decision and the disk.
        live[id]?.isPinned = isPinned
        ended[id]?.isPinned = isPinned
        commit([.pin(id, isPinned: isPinned)], [.pinned(id, ticket)])
    }

    /// Time has passed.
    mutating func tick(now: Double) {
        endOrphans(now: now)
        eraseExcess(now: now)
        if let last = lastRetention, (0..<limits.retentionInterval).contains(now - last) { return }
        lastRetention = now
        // Those whose last picture was written right before the service ended.
        for id in live.keys.sorted(by: { $0.text < $1.text }) { endIfSettled(id, now: now) }
        forgetExpired(now: now)
        accounts = accounts.filter { _, account in
            account.openCount > 0
                || !account.rate.isFull(
                    rate: limits.submissionsPerSecond, burst: limits.submissionBurst, now: now)
        }
    }

    /// Erases what takes too much room, the batch first that ended first.
    private mutating func eraseExcess(now: Double) {
        guard let max = limits.keepByteCount, bug != .keepAll else { return }
        let leaving = endings.filter(\.value.isErased).keys.reduce(0) {
            $0 + (ended[$1]?.byteCount ?? 0)
        }
        var excess = keptByteCount - leaving - max
        guard excess > 0 else { return }
        let full = erasable.lazy.filter { $0.byteCount > 0 }
        for batch in full.prefix(Self.eraseCountMax) {
            guard excess > 0 else { return }
            excess -= batch.byteCount
            erase(batch.id, [], now: now)
        }
    }

    /// Releases keys, erases batches and forgets names whose time is over.
    private mutating func forgetExpired(now: Double) {
        for (id, batch) in ended.sorted(by: { $0.key.text < $1.key.text }) where endings[id] == nil
        {
            if batch.key != nil, now - batch.endedAt > limits.keySeconds {
                commit([.releaseKey(id)], [.keyReleased(id)])
            }
            if let erasedAt = batch.erasedAt, now - erasedAt > limits.tombstoneSeconds {
                commit([.forget(id)], [.forgotten(id)])
            }
        }
        forgetExcess(now: now)
        guard let keep = limits.keepSeconds else { return }
        let expired = erasable.prefix { now - $0.endedAt > keep }
        for batch in expired.prefix(Self.eraseCountMax) { erase(batch.id, [], now: now) }
        // The rest goes with the next tick.
        if expired.count > Self.eraseCountMax { lastRetention = nil }
    }

    /// Forgets names of erased batches, where they are more than anybody would ask for.
    private mutating func forgetExcess(now: Double) {
        let erased = ended.values.compactMap { batch -> (at: Double, id: BatchID)? in
            guard let erasedAt = batch.erasedAt, batch.key == nil, endings[batch.id] == nil,
                now - erasedAt <= limits.tombstoneSeconds
            else { return nil }
            return (erasedAt, batch.id)
        }
        guard erased.count > limits.tombstoneCountMax else { return }
        let oldestFirst = erased.sorted { ($0.at, $0.id.text) < ($1.at, $1.id.text) }
        for (_, id) in oldestFirst.prefix(erased.count - limits.tombstoneCountMax) {
            commit([.forget(id)], [.forgotten(id)])
        }
    }

    /// Batches that nobody wants to be kept, and no request waits for.
    ///
    /// The one that ended first comes first.
    private var erasable: [EndedBatch] {
        ended.values.filter { batch in
            batch.erasedAt == nil && endings[batch.id] == nil
                && (!batch.isPinned || bug == .erasePinned)
                && (waits[batch.id] == nil || bug == .eraseAwaited)
        }.sorted { ($0.endedAt, $0.id.text) < ($1.endedAt, $1.id.text) }
    }

    mutating func releaseKey(of id: BatchID) {
        guard let batch = ended[id], let key = batch.key else { return }
        ended[id]?.key = nil
        let name = name(of: key, batch.caller)
        if keys[name] == id { keys[name] = nil }
    }
}
