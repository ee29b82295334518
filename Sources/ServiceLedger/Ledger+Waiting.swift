// SPDX-License-Identifier: Apache-2.0

/// Batches that requests wait for.
///
/// When the last connection is lost such a batch is an orphan: it is generated for a while, so that
/// a repeated request finds it, and then cancelled.
extension Ledger {
    /// Who waits for a batch.
    struct Wait: Sendable {
        var caller: CallerID
        var bodyDigest: [UInt8]
        /// Requests that wait.
        var count = 0
        /// Since when none does; `nil` until that is looked at.
        var orphanedAt: Double?
    }

    // MARK: Admission

    mutating func admit(_ request: AdmissionRequest, _ ticket: Ticket, now: Double) {
        if let id = batch(of: request.key, request.caller) {
            replay(id, request.bodyDigest, ticket)
        } else if request.isRepeat, request.origin.isSync, let id = orphan(of: request) {
            grant(id, ticket)
        } else if let refusal = refusal(of: request, now: now) {
            actions.append(.answer(ticket, .refused(refusal)))
        } else {
            actions.append(.answer(ticket, .admitted))
        }
    }

    private mutating func refusal(of request: AdmissionRequest, now: Double) -> LedgerRefusal? {
        if isDraining { return .draining }
        if bug == .ignoreLimits { return nil }
        var account = accounts[request.caller] ?? Account(limits, now: now)
        let wait = account.rate.take(
            rate: limits.submissionsPerSecond, burst: limits.submissionBurst, now: now)
        accounts[request.caller] = account
        if let wait { return .tooFast(retryAfterSeconds: wait) }
        return waitingRefusal(of: request.caller, request.origin)
    }

    /// Why a caller's request may not wait; `nil` if it may.
    func waitingRefusal(of caller: CallerID, _ origin: BatchOrigin) -> LedgerRefusal? {
        guard origin.isSync, bug != .ignoreWaiting else { return nil }
        let count = waits.values.reduce(0) { $0 + ($1.caller == caller ? $1.count : 0) }
        return count < limits.waitingPerCaller
            ? nil : .tooManyWaiting(max: limits.waitingPerCaller)
    }

    /// The batch that a repeated request asked for; of several the one that waits longest.
    private func orphan(of request: AdmissionRequest) -> BatchID? {
        waits.filter { id, wait in
            wait.count == 0 && wait.caller == request.caller && endings[id] == nil
                && ended[id]?.erasedAt == nil
                && (wait.bodyDigest == request.bodyDigest || bug == .adoptAnyOrphan)
        }.min { ($0.value.orphanedAt ?? 0, $0.key.text) < ($1.value.orphanedAt ?? 0, $1.key.text) }?
        .key
    }

    // MARK: Waiting

    /// A request waits for a batch.
    mutating func wait(for id: BatchID, _ caller: CallerID, _ bodyDigest: [UInt8]) {
        if waits[id]?.count == 0, live[id] != nil { orphanEnds[.adopted, default: 0] += 1 }
        waits[id, default: Wait(caller: caller, bodyDigest: bodyDigest)].count += 1
        waits[id]?.orphanedAt = nil
    }

    mutating func left(_ id: BatchID, isAnswered: Bool, now: Double) {
        guard let wait = waits[id], wait.count > 0 else { return }
        waits[id]?.count -= 1
        guard wait.count == 1 else { return }
        if live[id] == nil, isAnswered {
            waits[id] = nil
        } else {
            waits[id]?.orphanedAt = now
        }
    }

    /// Ends what nobody has waited for during the grace.
    mutating func endOrphans(now: Double) {
        for (id, wait) in waits.sorted(by: { $0.key.text < $1.key.text }) where wait.count == 0 {
            // Of an earlier session, or the clock was set back.
            guard let orphanedAt = wait.orphanedAt, orphanedAt <= now else {
                waits[id]?.orphanedAt = now
                continue
            }
            guard now - orphanedAt > limits.orphanGraceSeconds, bug != .immortalOrphan else {
                continue
            }
            // What is about to end has its end already.
            guard live[id]?.isCommitted != false, endings[id] == nil else { continue }
            waits[id] = nil
            guard live[id] != nil else { continue }
            orphanEnds[.cancelled, default: 0] += 1
            endings[id] = Ending()
            order.remove(id)
            commitEnd(of: id, .cancelled, now: now)
        }
    }

    /// The live batches that requests of a caller wait for, in the order of their images.
    package func awaited(by caller: CallerID, _ origin: BatchOrigin) -> [BatchID] {
        waits.filter { $0.value.count > 0 && $0.value.caller == caller }.keys
            .compactMap { live[$0]?.accepted }
            .filter { $0.submission.origin == origin }
            .sorted { $0.firstImage < $1.firstImage }
            .map(\.id)
    }
}
