// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// All decisions of a service about batches: events in, actions out; no disk, no network, no clock.
///
/// - *Accepted = committed before the answer.* What an answer or a report says is on the disk.
/// - *One request, one batch*: a caller's `Idempotency-Key` stands for one batch until long after its
///   end, whatever is lost or repeated.
/// - Every image of an accepted batch ends in one way: it is finished, it has failed, or its batch
///   was cancelled.
/// - Images are offered to the workers shortly before one is free for them, in the order of
///   `FairOrder`; so a batch of any size costs other callers the rest of one image.
package struct Ledger: Sendable {
    /// What is done when a commit has reached the disk.
    enum Effect: Sendable {
        case accepted(BatchID)
        case ended(BatchID, BatchEnd)
        case erased(BatchID, at: Double)
        case pinned(BatchID, Ticket)
        case keyReleased(BatchID)
        case forgotten(BatchID)
    }

    /// A key as its caller names it.
    struct KeyName: Hashable, Sendable {
        var caller: CallerID
        var key: String
    }

    /// A batch that is about to end, or about to be erased, and who waits for that.
    struct Ending: Sendable {
        var isErased = false
        var tickets: [Ticket] = []
    }

    /// A caller's account.
    struct Account: Sendable {
        /// Its images without an outcome.
        var openCount = 0
        var rate: RateLimit

        init(_ limits: LedgerLimits, now: Double) {
            rate = RateLimit(burst: limits.submissionBurst, now: now)
        }
    }

    let limits: LedgerLimits
    let bug: LedgerBug?
    var live: [BatchID: LiveBatch] = [:]
    var ended: [BatchID: EndedBatch] = [:]
    var endings: [BatchID: Ending] = [:]
    var keys: [KeyName: BatchID] = [:]
    /// Batches that requests wait for, or did until shortly.
    var waits: [BatchID: Wait] = [:]
    var accounts: [CallerID: Account] = [:]
    /// Live batches by their first images, ascending.
    var places: [(firstImage: Int, id: BatchID)] = []
    var order: FairOrder
    /// Images without an outcome, of all callers.
    var openCount = 0
    /// Images that were offered and are not sampled.
    var offeredCount = 0
    /// Pictures and latents of all batches that are not erased, in bytes.
    var keptByteCount = 0
    var nextImage: ImageNumber
    var nextCommit = 0
    var effects: [(number: CommitNumber, effects: [Effect])] = []
    var workerCount = 0
    /// Whether there is room for more results on the disk.
    package internal(set) var hasRoom = true
    /// Smoothed seconds that an image takes; `nil` before the first.
    var imageSeconds: Double?
    /// How batches that nobody waited for any more ended since the start.
    var orphanEnds: [OrphanEnd: Int] = [:]
    /// When retention was looked at; `nil` before the first time.
    var lastRetention: Double?
    /// Whether anything more is accepted.
    package internal(set) var isDraining = false
    var actions: [LedgerAction] = []

    /// Continues what is on the disk.
    package init(
        _ stored: StoredLedger = StoredLedger(), limits: LedgerLimits = LedgerLimits(),
        plantedBug bug: LedgerBug? = nil
    ) {
        self.limits = limits
        self.bug = bug
        order = FairOrder(bug: bug)
        nextImage = bug == .reuseNumbers ? ImageNumber(0) : stored.nextImage
        for var batch in stored.live {
            if bug == .forgetOutcomes { (batch.finished, batch.failed) = ([], []) }
            if bug == .forgetPins { batch.isPinned = false }
            restore(LiveBatch(batch))
        }
        for batch in stored.ended {
            ended[batch.id] = batch
            if bug == .forgetPins { ended[batch.id]?.isPinned = false }
            keptByteCount += batch.byteCount
            if batch.origin.isSync, batch.erasedAt == nil {
                waits[batch.id] = Wait(
                    caller: batch.caller, bodyDigest: batch.bodyDigest, orphanedAt: batch.endedAt)
            }
            if let key = batch.key, bug != .forgetKeyAtRestart {
                keys[name(of: key, batch.caller)] = batch.id
            }
        }
    }

    /// Applies one event.
    ///
    /// - Parameter now: seconds since 1970; may be set back.
    /// - Returns: what to do about it, in this order.
    package mutating func handle(_ event: LedgerEvent, now: Double) -> [LedgerAction] {
        switch event {
        case .admit(let request, let ticket): admit(request, ticket, now: now)
        case .left(let id, let isAnswered): left(id, isAnswered: isAnswered, now: now)
        case .submit(let submission, let ticket): submit(submission, ticket, now: now)
        case .cancel(let id, let visitor, let ticket):
            end(id, by: visitor, ticket, erases: false, now: now)
        case .erase(let id, let visitor, let ticket):
            end(id, by: visitor, ticket, erases: true, now: now)
        case .pin(let id, let isPinned, let visitor, let ticket):
            pin(id, isPinned, by: visitor, ticket)
        case .committed(let number): committed(number)
        case .began(let image, let worker, let attempt):
            update(image, reports: true) {
                $0.began($1, worker: worker, attempt: attempt, now: now)
            }
        case .advanced(let image, let worker, let step): advanced(image, worker, step)
        case .retried(let image): update(image, reports: false) { batch, _ in batch.retried() }
        case .sampled(let image, let seconds): sampled(image, seconds: seconds, now: now)
        case .finished(let image, let byteCount):
            settle(image, hasFailed: false, byteCount: byteCount, now: now)
        case .failed(let image): settle(image, hasFailed: true, now: now)
        case .returned(let image): putBack(image)
        case .workers(let count):
            switch bug {
            case .keepLeavers: workerCount = max(workerCount, count)
            case .forgetJoiners where workerCount > 0: workerCount = min(workerCount, count)
            default: workerCount = count
            }
        case .room(let isThere): hasRoom = isThere
        case .drain: isDraining = true
        case .tick: tick(now: now)
        }
        offer()
        defer { actions = [] }
        return actions
    }

    // MARK: Submitting

    private mutating func submit(_ submission: Submission, _ ticket: Ticket, now: Double) {
        if let id = batch(of: submission.key, submission.caller) {
            replay(id, submission.bodyDigest, ticket)
            return
        }
        let count = submission.spans.reduce(0) { $0 + $1.count }
        if let refusal = refusal(of: submission, count: count, now: now) {
            actions.append(.answer(ticket, .refused(refusal)))
            return
        }
        let accepted = AcceptedBatch(submission, firstImage: nextImage, acceptedAt: now)
        precondition(live[accepted.id] == nil && ended[accepted.id] == nil, "a name twice")
        nextImage = ImageNumber(nextImage.rawValue + count)
        var batch = LiveBatch(accepted)
        batch.tickets = [(ticket, false)]
        if let key = submission.key {
            keys[name(of: key, submission.caller)] = accepted.id
        }
        add(batch)
        if submission.origin.isSync {
            wait(for: accepted.id, accepted.caller, submission.bodyDigest)
        }
        accounts[accepted.caller, default: Account(limits, now: now)].openCount += count
        commit([.accept(accepted)], [.accepted(accepted.id)])
        if bug == .answerBeforeCommit { answer(accepted.id) }
        if bug == .offerBeforeCommit { order.add(accepted, count: count) }
    }

    /// The batch that a key stands for.
    func batch(of key: String?, _ caller: CallerID) -> BatchID? {
        guard let key, bug != .forgetKey else { return nil }
        return keys[name(of: key, caller)]
    }

    mutating func replay(_ id: BatchID, _ bodyDigest: [UInt8], _ ticket: Ticket) {
        let digest = live[id]?.accepted.submission.bodyDigest ?? ended[id]?.bodyDigest
        guard digest == bodyDigest || bug == .adoptAnyBody else {
            actions.append(.answer(ticket, .refused(.keyReused)))
            return
        }
        grant(id, ticket)
    }

    /// Answers with a batch that there is already, as soon as that is on the disk.
    mutating func grant(_ id: BatchID, _ ticket: Ticket) {
        let submission = live[id]?.accepted.submission
        if let origin = submission?.origin ?? ended[id]?.origin, origin.isSync,
            let caller = submission?.caller ?? ended[id]?.caller,
            let digest = submission?.bodyDigest ?? ended[id]?.bodyDigest
        {
            if let refusal = waitingRefusal(of: caller, origin) {
                actions.append(.answer(ticket, .refused(refusal)))
                return
            }
            wait(for: id, caller, digest)
        }
        if live[id]?.isCommitted == false {
            live[id]?.tickets.append((ticket, true))
        } else {
            actions.append(.answer(ticket, .accepted(id, isReplay: true)))
        }
    }

    private mutating func refusal(
        of submission: Submission, count: Int, now: Double
    ) -> LedgerRefusal? {
        if isDraining { return .draining }
        if bug == .ignoreLimits { return nil }
        guard count <= limits.imagesPerBatch else {
            return .batchTooLarge(count: count, max: limits.imagesPerBatch)
        }
        let openCount = accounts[submission.caller]?.openCount ?? 0
        guard openCount + count <= limits.queuedPerCaller else {
            return .callerQueueFull(count: openCount, max: limits.queuedPerCaller)
        }
        guard self.openCount + count <= limits.queuedInAll else {
            return .queueFull(count: self.openCount, max: limits.queuedInAll)
        }
        // Others of the caller's requests began to wait since this one was admitted.
        return waitingRefusal(of: submission.caller, submission.origin)
    }

    private mutating func answer(_ id: BatchID) {
        guard let tickets = live[id]?.tickets else { return }
        live[id]?.tickets = []
        for (ticket, isReplay) in tickets {
            actions.append(.answer(ticket, .accepted(id, isReplay: isReplay)))
        }
    }

    // MARK: The disk

    mutating func commit(_ changes: [LedgerChange], _ effects: [Effect]) {
        nextCommit += 1
        let number = CommitNumber(nextCommit)
        self.effects.append((number, effects))
        actions.append(.commit(number, changes))
    }

    private mutating func committed(_ number: CommitNumber) {
        let count = effects.prefix { $0.number <= number }.count
        let done = effects.prefix(count).flatMap(\.effects)
        effects.removeFirst(count)
        for effect in done {
            switch effect {
            case .accepted(let id): accepted(id)
            case .ended(let id, let end): hasEnded(id, end)
            case .erased(let id, let time): wasErased(id, at: time)
            case .pinned(let id, let ticket):
                actions.append(.answer(ticket, .done(id)))
                actions.append(.report(.batch(id)))
            case .keyReleased(let id): releaseKey(of: id)
            case .forgotten(let id):
                releaseKey(of: id)
                waits[id] = nil
                ended[id] = nil
            }
        }
    }

    private mutating func accepted(_ id: BatchID) {
        guard let batch = live[id] else { return }
        live[id]?.isCommitted = true
        answer(id)
        actions.append(.report(.batch(id)))
        // It may have been cancelled meanwhile.
        if endings[id] == nil, bug != .offerBeforeCommit {
            order.add(batch.accepted, count: batch.accepted.imageCount)
        }
    }

    func name(of key: String, _ caller: CallerID) -> KeyName {
        KeyName(caller: bug == .shareKeys ? CallerID("") : caller, key: key)
    }

    private mutating func restore(_ batch: LiveBatch) {
        let accepted = batch.accepted
        add(batch)
        if accepted.submission.origin.isSync {
            waits[accepted.id] = Wait(
                caller: accepted.caller, bodyDigest: accepted.submission.bodyDigest)
        }
        if let key = accepted.submission.key, bug != .forgetKeyAtRestart {
            keys[name(of: key, accepted.caller)] = accepted.id
        }
        accounts[accepted.caller, default: Account(limits, now: 0)].openCount += batch.openCount
        if batch.waitingCount > 0 { order.add(accepted, count: batch.waitingCount) }
    }

    private mutating func add(_ batch: LiveBatch) {
        let first = batch.accepted.firstImage.rawValue
        live[batch.accepted.id] = batch
        let place = places.lastIndex { $0.firstImage < first }.map { $0 + 1 } ?? 0
        places.insert((first, batch.accepted.id), at: place)
        openCount += batch.openCount
        keptByteCount += batch.byteCount
    }
}
