// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger
import TestSupport

/// A service in virtual time: clients that lose answers and repeat requests, a ledger, its disk,
/// workers, and crashes; the rules of the service are checked after every event.
struct SimulatedService {
    enum Event {
        case request(Int)
        case end(Int)
        /// A client pins or unpins its batch.
        case pin(Int)
        /// A request that was admitted is submitted.
        case submit(Int, isRepeat: Bool, life: Int)
        /// A client's connection is lost.
        case lose(Int, BatchID, life: Int)
        /// A request that arrived twice has one client.
        case drop(BatchID, life: Int)
        /// Those who wait for a batch have their pictures.
        case deliver(BatchID, life: Int)
        /// Something reaches the disk, in this life of the service.
        case commit(CommitNumber, [LedgerChange], life: Int)
        case begin(ImageNumber, life: Int)
        case work(ImageNumber, attempt: Int, life: Int)
        /// Workers join or leave.
        case workers(Int)
        case room(Bool)
        case picture(ImageNumber, life: Int)
        case crash
        case tick
    }

    struct Asked {
        enum Question: Equatable { case admission, submission, end, pin(Bool) }

        var request: Int
        var question: Question
        var isRepeat = false
    }

    let scenario: LedgerScenario
    var problem: String?
    private(set) var now = 0.0
    var disk: SimulatedDisk
    private(set) var eventCount = 0
    /// The batches that requests made, as far as their clients know.
    private(set) var batches: [Int: BatchID] = [:]
    var ledger: Ledger
    var random: SplitMix64
    private var timeline: [(time: Double, number: Int, event: Event)] = []
    var life = 0
    private var asked: [Ticket: Asked] = [:]
    /// Wishes that were made before.
    private var isKnown: Set<Int> = []
    var clients = WaitingClients()
    var kept = KeptBatches()
    private var ticketCount = 0
    private var lastCommit = 0.0
    var workers: SimulatedWorkers
    var hasRoom = true
    var callers = TurnWatch<CallerID>()
    var turns: [CallerID: TurnWatch<BatchID>] = [:]
    /// Batches whose end was decided in this life.
    var ending: Set<BatchID> = []
    /// Images that nobody has taken, by batch.
    var waiting: [BatchID: Int] = [:]

    init(_ scenario: LedgerScenario) {
        self.scenario = scenario
        random = SplitMix64(seed: scenario.seed &+ 0x5EED)
        disk = SimulatedDisk(limits: scenario.limits)
        workers = SimulatedWorkers(count: scenario.workerCount)
        ledger = Ledger(limits: scenario.limits, plantedBug: scenario.bug)
        for (index, request) in scenario.requests.enumerated() {
            plan(.request(index), at: request.time)
            if let end = request.end { plan(.end(index), at: end.time) }
            if let pin = request.pin { plan(.pin(index), at: pin.time) }
        }
        for time in scenario.crashes { plan(.crash, at: time) }
        for (time, count) in scenario.workerCounts { plan(.workers(count), at: time) }
        for (time, isThere) in scenario.rooms { plan(.room(isThere), at: time) }
        for time in stride(from: 7.0, to: 3000, by: 29) { plan(.tick, at: time) }
        apply(.workers(scenario.workerCount))
    }

    /// Runs until nothing is left to happen or a rule is broken.
    mutating func run() {
        while problem == nil,
            let index = timeline.indices.min(by: {
                (timeline[$0].time, timeline[$0].number) < (timeline[$1].time, timeline[$1].number)
            })
        {
            let (time, _, event) = timeline.swapRemove(at: index)
            now = max(now, time)
            eventCount += 1
            handle(event)
            problem = problem ?? disk.problem ?? ledger.brokenInvariant() ?? problemOfIdleness
        }
        if problem == nil { checkEnd() }
    }

    mutating func plan(_ event: Event, at time: Double) {
        timeline.append((time, timeline.count + eventCount * 1000, event))
    }

    mutating func chance(_ oneIn: Int) -> Bool {
        Int.random(in: 0..<oneIn, using: &random) == 0
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .request(let index): ask(index)
        case .end(let index): askForEnd(index)
        case .pin(let index): askForPin(index)
        case .submit(let index, let isRepeat, let life) where life == self.life:
            submit(index, isRepeat: isRepeat)
        case .lose(let index, let id, let life) where life == self.life:
            leave(index, id, isAnswered: false)
        case .drop(let id, let life) where life == self.life:
            apply(.left(id, isAnswered: false))
        case .deliver(let id, let life) where life == self.life:
            for index in clients.waiting(for: id) { leave(index, id, isAnswered: true) }
        case .commit(let number, let changes, let life) where life == self.life:
            disk.apply(changes)
            for case .accept(let batch) in changes { noteWaiting(batch, batch.imageCount) }
            apply(.committed(number))
        case .begin(let image, let life) where life == self.life:
            apply(.began(image, worker: "w", attempt: 1))
        case .work(let image, let attempt, let life) where life == self.life:
            worked(on: image, attempt: attempt)
        case .workers(let count): change(workers: count)
        case .room(let isThere):
            hasRoom = isThere
            apply(.room(isThere))
        case .picture(let image, let life) where life == self.life:
            disk.set(.finished, of: image)
            apply(.finished(image, byteCount: SimulatedDisk.imageByteCount))
        case .crash: crash()
        case .tick:
            apply(.tick)
            problem =
                problem ?? clients.problem(of: disk, ending, scenario.limits, now: now)
                ?? kept.problem(of: disk, clients, scenario.limits, now: now)
        case .commit, .begin, .work, .picture, .submit, .lose, .drop, .deliver: break
        }
    }

    mutating func apply(_ event: LedgerEvent) {
        for action in ledger.handle(event, now: now) { perform(action) }
    }

    // MARK: Clients

    private mutating func ask(_ index: Int) {
        guard batches[index] == nil else { return }
        let request = scenario.requests[index]
        if clients.isWaiting(index) { return }
        // Without a key a repetition would be another batch, unless its client waits.
        if request.key != nil || request.isSync {
            plan(.request(index), at: now + Double.random(in: 1...8, using: &random))
        }
        if chance(6) { return }
        let isRepeat = request.isSync && !isKnown.insert(index).inserted
        let admission = AdmissionRequest(
            caller: request.caller, key: request.key, bodyDigest: request.digest,
            origin: request.origin,
            isRepeat: isRepeat)
        apply(
            .admit(
                admission,
                ticket: ticket(Asked(request: index, question: .admission, isRepeat: isRepeat))))
        // The request arrived twice.
        if request.key != nil, chance(4) { plan(.request(index), at: now + 0.01) }
    }

    mutating func ticket(_ question: Asked) -> Ticket {
        ticketCount += 1
        asked[Ticket(ticketCount)] = question
        return Ticket(ticketCount)
    }

    private mutating func submit(_ index: Int, isRepeat: Bool) {
        let request = scenario.requests[index]
        let ticket = ticket(Asked(request: index, question: .submission, isRepeat: isRepeat))
        let first = GenerationRequest(prompt: "\(request.body)", seed: 1, width: 64, height: 64)
        let submission = Submission(
            id: BatchID("\(index)-\(ticketCount)"), caller: request.caller, key: request.key,
            bodyDigest: request.digest, priority: request.priority, origin: request.origin,
            spans: [ImageSpan(first: first, count: request.imageCount)])
        apply(.submit(submission, ticket: ticket))
    }

    /// A request waits for a batch; sooner or later its connection may be lost.
    private mutating func wait(_ index: Int, _ id: BatchID) {
        if clients.isWaiting(index) { return plan(.drop(id, life: life), at: now) }
        clients.join(index, id)
        problem =
            problem ?? clients.problem(of: scenario.requests[index].caller, disk, scenario.limits)
        if chance(2) {
            plan(
                .lose(index, id, life: life), at: now + Double.random(in: 0...9, using: &random))
        } else if disk.records[id]?.status != nil {
            plan(.deliver(id, life: life), at: now)
        }
    }

    private mutating func leave(_ index: Int, _ id: BatchID, isAnswered: Bool) {
        guard clients.leave(index, id, now: now) else { return }
        if isAnswered { batches[index] = id }
        apply(.left(id, isAnswered: isAnswered))
    }

    private mutating func askForEnd(_ index: Int) {
        let known = batches[index] ?? clients.batch(of: index)
        guard let id = known, let end = scenario.requests[index].end else { return }
        let ticket = ticket(Asked(request: index, question: .end))
        clients.noteEndWanted(id)
        if end.erases { kept.noteEraseWanted(id) }
        let visitor = Visitor(end.by)
        apply(
            end.erases
                ? .erase(id, by: visitor, ticket: ticket) : .cancel(id, by: visitor, ticket: ticket)
        )
    }

    mutating func answered(_ ticket: Ticket, _ answer: LedgerAnswer) {
        guard let question = asked.removeValue(forKey: ticket) else {
            problem = "ticket \(ticket.rawValue) is answered twice"
            return
        }
        let request = scenario.requests[question.request]
        if case .pin(let isPinned) = question.question {
            problem = problem ?? problemOfPin(isPinned, answer)
            return
        }
        let isEnd = question.question == .end
        problem =
            problem
            ?? (isEnd ? problemOfEnd(request, answer) : problemOfSubmission(request, answer))
        if case .admitted = answer {
            if question.isRepeat, request.key == nil,
                let id = clients.orphan(of: request, disk, ending, scenario.limits, now: now)
            {
                problem = "a repeated request does not get batch \(id)"
            }
            return plan(
                .submit(question.request, isRepeat: question.isRepeat, life: life), at: now)
        }
        guard case .accepted(let id, _) = answer, !isEnd else {
            if case .refused(let refusal) = answer, !isEnd {
                // Only what may pass is tried again.
                switch refusal {
                case .tooFast, .queueFull, .callerQueueFull, .tooManyWaiting: break
                default: batches[question.request] = BatchID("none")
                }
            }
            return
        }
        if request.isSync { return wait(question.request, id) }
        // The answer may be lost.
        if !chance(4) { batches[question.request] = id }
    }

    // MARK: Actions

    private mutating func perform(_ action: LedgerAction) {
        switch action {
        case .commit(let number, let changes):
            lastCommit = max(lastCommit, now) + Double.random(in: 0.001...0.4, using: &random)
            plan(.commit(number, changes, life: life), at: lastCommit)
            for change in changes {
                problem =
                    problem ?? clients.problem(of: change, disk, scenario.limits, now: now)
                    ?? kept.problem(of: change, disk, clients, scenario.limits, now: now)
                noteEnd(change)
            }
        case .answer(let ticket, let answer): answered(ticket, answer)
        case .offer(let image): take(image)
        case .withdraw(let batch):
            for number in batch.images { workers.withdraw(ImageNumber(number)) }
            start()
        case .removeFiles(let id):
            if disk.records[id]?.erasedAt == nil {
                problem = "files of batch \(id) are removed early"
            }
        case .report(.batch(let id)), .report(.image(let id, _)), .report(.progress(let id, _, _)),
            .report(.erased(let id)):
            // Pictures may take their time to their client.
            let delay = chance(3) ? Double.random(in: 0...60, using: &random) : 0
            if disk.records[id]?.status != nil { plan(.deliver(id, life: life), at: now + delay) }
            if disk.records[id] == nil { problem = "batch \(id) is reported and not stored" }
        }
    }

    private mutating func take(_ image: OfferedImage) {
        guard let (id, index) = disk.find(image.number), let record = disk.records[id] else {
            problem = problem ?? "image \(image.number) is offered and not stored"
            return
        }
        if !workers.take(image.number) { problem = "image \(image.number) is offered twice" }
        if record.outcomes[index] != nil {
            problem = "image \(image.number) is offered with an outcome"
        }
        if record.status != nil { problem = "image \(image.number) of an ended batch is offered" }
        if record.accepted.request(at: index) != image.request { problem = "another request" }
        problem = problem ?? problemOfOffer
        serveTurn(of: id, record.accepted.caller)
        start()
    }

    private mutating func crash() {
        life += 1
        asked = [:]
        clients.loseAll(disk, now: now)
        kept.loseAll()
        workers.loseAll()
        let stored = disk.stored
        ledger = Ledger(stored, limits: scenario.limits, plantedBug: scenario.bug)
        (callers, turns, waiting, ending) = (TurnWatch(), [:], [:], [])
        for batch in stored.live {
            let settled = batch.finished.count + batch.failed.count + batch.sampled.count
            noteWaiting(batch.accepted, batch.accepted.imageCount - settled)
            for index in batch.sampled {
                plan(.picture(batch.accepted.number(at: index), life: life), at: now + 0.2)
            }
        }
        apply(.room(hasRoom))
        apply(.workers(workers.count))
        apply(.tick)
    }

    // MARK: The end

    private mutating func checkEnd() {
        for (id, record) in disk.records where record.status == nil {
            problem =
                "batch \(id) never ends: \(record.outcomes.count) of \(record.accepted.imageCount)"
        }
        for (id, record) in disk.records where record.status == .completed {
            let count = record.outcomes.values.count { $0 == .finished }
            if count != record.accepted.imageCount { problem = "batch \(id) has \(count) pictures" }
        }
    }
}

extension Array {
    fileprivate mutating func swapRemove(at index: Int) -> Element {
        swapAt(index, count - 1)
        return removeLast()
    }
}
