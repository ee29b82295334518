// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import GenerationTypes
import WireProtocol
import Worker

/// One coordinator and some workers as pure state machines in virtual time.
///
/// The connections between them lose, delay and break. Everything follows from the seed.
struct SimulatedCluster {
    enum Event {
        case start
        case coordinatorTick(generation: Int)
        case workerTick(Int, generation: Int)
        case connectResult(link: UInt64, isOpen: Bool)
        case deliver(link: UInt64, Message, toWorker: Bool)
        case notice(link: UInt64, toWorker: Bool)
        case step(worker: Int, epoch: Int, job: UInt64, GenerationRequest, step: Int)
        case decoded(item: Int)
        case thaw(Int)
    }

    /// A TCP connection.
    struct Link {
        var worker: Int
        var isOpen = false
        /// Bytes vanish, and neither end is told.
        var isBlackHole = false
        var clearAt: [Bool: Duration] = [:]
    }

    struct Node {
        var machine: WorkerStateMachine
        var epoch = 0
        var tickGeneration = 0
        var cancelled: Set<UInt64> = []
        var frozen: [WorkerStateMachine.Event]?
        var stepTime: Duration
    }

    let seed: UInt64
    let faults: Faults
    let requests: [GenerationRequest]
    var random: SplitMix64
    var timeline = Timeline<Event>()
    var coordinator: CoordinatorStateMachine
    var coordinatorTick = 0
    var nodes: [Node] = []
    var links: [UInt64: Link] = [:]
    let configuration: CoordinatorConfiguration
    // What was observed.
    var outcomes: [Int: String] = [:]
    var completedItems: Set<Int> = []
    var hasEnded = false
    var problem: String?
    var trace = UInt64(14_695_981_039_346_656_037)
    var eventCount = 0

    init(seed: UInt64, faults: (inout SplitMix64) -> Faults) {
        var random = SplitMix64(state: seed)
        self.seed = seed
        self.faults = faults(&random)
        let count = Int.random(in: 1...14, using: &random)
        requests = (0..<count).map {
            GenerationRequest(
                prompt: "\($0)", seed: UInt64($0), width: 8, height: 8,
                inferenceStepCount: 1 + $0 % 5)
        }
        var configuration = TestCluster.coordinatorConfiguration()
        configuration.timeouts = ClusterTimeouts()
        configuration.decodeBacklogMax = Int.random(in: 1...4, using: &random)
        self.configuration = configuration
        let workerCount = Int.random(in: 1...4, using: &random)
        coordinator = CoordinatorStateMachine(
            node: Self.node(.coordinator, instance: 0, credits: 0), configuration: configuration,
            workers: (0..<workerCount).map { WorkerAddress(host: "w\($0)") }, requests: requests)
        for index in 0..<workerCount {
            let machine = WorkerStateMachine(
                node: Self.node(
                    .worker, instance: UInt8(index + 1),
                    credits: Int.random(in: 1...3, using: &random)))
            nodes.append(Node(machine: machine, stepTime: random.seconds(0.05...3)))
        }
        self.random = random
    }

    /// Runs to the end of the run, or to the first broken rule.
    mutating func run() {
        timeline.schedule(.start, in: .zero)
        while !hasEnded, problem == nil, let event = timeline.next() {
            eventCount += 1
            handle(event)
            if timeline.now > .seconds(24 * 3600) { problem = "no end after a day" }
        }
        if !hasEnded, problem == nil { problem = "nothing happens any more" }
        if problem == nil { checkEnd() }
    }

    private mutating func checkEnd() {
        if outcomes.count != requests.count {
            problem = "\(outcomes.count) of \(requests.count) images have an outcome"
        }
        if !coordinator.handle(.tick, now: timeline.now).isEmpty {
            problem = "something happens after the end"
        }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .start: feedCoordinator(.start)
        case .coordinatorTick(let generation):
            if generation == coordinatorTick { feedCoordinator(.tick) }
        case .workerTick(let index, let generation):
            if generation == nodes[index].tickGeneration { feed(index, .tick) }
        case .connectResult(let id, let isOpen): connectResult(id, isOpen: isOpen)
        case .deliver(let id, let message, let toWorker): deliver(id, message, toWorker: toWorker)
        case .notice(let id, let toWorker):
            guard let link = links[id] else { return }
            if toWorker {
                feed(link.worker, .disconnected(id, reason: "cut"))
            } else {
                feedCoordinator(.disconnected(id, reason: "cut"))
            }
        case .step(let index, let epoch, let job, let request, let step):
            if nodes[index].epoch == epoch { self.step(index, job, request, step) }
        case .decoded(let item): feedCoordinator(.consumed(item: item))
        case .thaw(let index):
            let events = nodes[index].frozen ?? []
            nodes[index].frozen = nil
            for event in events { feed(index, event) }
        }
    }

    // MARK: Coordinator

    private mutating func feedCoordinator(_ event: CoordinatorStateMachine.Event) {
        for action in coordinator.handle(event, now: timeline.now) { perform(action) }
        note(coordinator.brokenInvariant())
        let creditSum = nodes.count * 3
        if coordinator.backlogCount > configuration.decodeBacklogMax + creditSum {
            note("\(coordinator.backlogCount) results wait for the decoder")
        }
        coordinatorTick += 1
        if let deadline = coordinator.nextDeadline {
            if deadline <= timeline.now, case .tick = event { note("a tick that changes nothing") }
            timeline.schedule(.coordinatorTick(generation: coordinatorTick), at: deadline)
        }
    }

    private mutating func perform(_ action: CoordinatorStateMachine.Action) {
        switch action {
        case .connect(let id, let address):
            let index = Int(address.host.dropFirst()) ?? 0
            links[id] = Link(worker: index)
            let fails = isFaulty(faults.refusedConnect) || nodes[index].machine.hasStopped
            timeline.schedule(
                .connectResult(link: id, isOpen: !fails), in: random.seconds(0.001...0.2))
        case .send(let id, let message): send(id, message, toWorker: true)
        case .finish(let id), .abort(let id, _): close(id, byWorker: false)
        case .decode(let result, _, _):
            let item = Int(result.lease.item)
            if result.latents != Self.latents(for: requests[item]) {
                note("image \(item) has wrong latents")
            }
            if !completedItems.insert(item).inserted { note("image \(item) was decoded twice") }
            timeline.schedule(.decoded(item: item), in: random.seconds(0.01...6))
        case .report(let event): observe(event)
        case .end:
            if hasEnded { note("the end came twice") }
            hasEnded = true
        }
    }

    private mutating func observe(_ event: CoordinatorEvent) {
        mix("\(event)")
        switch event {
        case .completed(let item, _, _, _, _): settle(item, "completed")
        case .failed(let item, let failures):
            settle(item, "failed")
            let isExhausted = failures.count >= configuration.attemptCountMax
            let isForsaken = failures.last?.reason == "no usable worker is left"
            if !isExhausted, !isForsaken { note("image \(item) failed early: \(failures)") }
        case .resultsDiffer: note("results differ")
        default: break
        }
    }

    private mutating func settle(_ item: Int, _ outcome: String) {
        if let old = outcomes.updateValue(outcome, forKey: item) {
            note("image \(item) \(outcome) after it \(old)")
        }
    }

    // MARK: Workers

    mutating func feed(_ index: Int, _ event: WorkerStateMachine.Event) {
        if nodes[index].frozen != nil {
            nodes[index].frozen?.append(event)
            return
        }
        for action in nodes[index].machine.handle(event, now: timeline.now) {
            perform(action, by: index)
        }
        let machine = nodes[index].machine
        if machine.heldCount > machine.credits { note("worker \(index) holds too much") }
        nodes[index].tickGeneration += 1
        if let deadline = machine.nextDeadline {
            timeline.schedule(
                .workerTick(index, generation: nodes[index].tickGeneration), at: deadline)
        }
    }

    private mutating func perform(_ action: WorkerStateMachine.Action, by index: Int) {
        switch action {
        case .send(let id, let message): send(id, message, toWorker: false)
        case .finish(let id), .abort(let id, _): close(id, byWorker: true)
        case .begin(let job, let request): scheduleStep(index, job, request, 1)
        case .cancel(let job): nodes[index].cancelled.insert(job)
        case .report, .stop: break
        }
    }

    private mutating func step(
        _ index: Int, _ job: UInt64, _ request: GenerationRequest, _ step: Int
    ) {
        if nodes[index].frozen != nil {
            // The thread stands still too.
            timeline.schedule(
                .step(worker: index, epoch: nodes[index].epoch, job: job, request, step: step),
                in: .seconds(5))
            return
        }
        if nodes[index].cancelled.contains(job) {
            feed(index, .failed(job, WireReason(.cancelled, "cancelled")))
            return
        }
        if isFaulty(faults.retryableFailure) {
            feed(index, .failed(job, WireReason(.workerFailed, "out of memory")))
            return
        }
        feed(
            index,
            .stepped(
                job, step: step, stepCount: request.inferenceStepCount,
                seconds: nodes[index].stepTime.seconds))
        if step < request.inferenceStepCount {
            scheduleStep(index, job, request, step + 1)
        } else {
            let latents = Self.latents(for: request)
            feed(
                index,
                .finished(
                    job, latents, sha256: latents.sha256, GenerationTimings(),
                    TokenMergeStatistics()))
        }
    }

    private mutating func scheduleStep(
        _ index: Int, _ job: UInt64, _ request: GenerationRequest, _ step: Int
    ) {
        let epoch = nodes[index].epoch
        injectNodeFaults(index)
        // A hung step: the machine answers pings, the thread never comes back.
        if isFaulty(faults.hang) { return }
        timeline.schedule(
            .step(worker: index, epoch: epoch, job: job, request, step: step),
            in: nodes[index].stepTime)
    }

    private mutating func injectNodeFaults(_ index: Int) {
        if isFaulty(faults.crash) { crash(index) }
        if isFaulty(faults.freeze), nodes[index].frozen == nil {
            nodes[index].frozen = []
            timeline.schedule(.thaw(index), in: random.seconds(1...200))
        }
    }

    /// `kill -9`, and a new process on the same port.
    private mutating func crash(_ index: Int) {
        nodes[index].epoch += 1
        nodes[index].frozen = nil
        nodes[index].cancelled = []
        nodes[index].machine = WorkerStateMachine(
            node: Self.node(
                .worker, instance: UInt8(truncatingIfNeeded: nodes[index].epoch * 16 + index),
                credits: nodes[index].machine.credits))
        let open = links.filter { $0.value.worker == index && $0.value.isOpen }
        for id in open.keys.sorted() {
            links[id]?.isOpen = false
            timeline.schedule(.notice(link: id, toWorker: false), in: .milliseconds(1))
        }
    }

    // MARK: Network

    private mutating func connectResult(_ id: UInt64, isOpen: Bool) {
        guard let link = links[id] else { return }
        guard isOpen else {
            feedCoordinator(.connectFailed(id, reason: "refused"))
            return
        }
        links[id]?.isOpen = true
        feed(link.worker, .connected(id, peer: "coordinator"))
        feedCoordinator(.connected(id))
    }

    private mutating func send(_ id: UInt64, _ message: Message, toWorker: Bool) {
        guard var link = links[id], link.isOpen else { return }
        var delay = random.seconds(0.001...0.1)
        if isFaulty(faults.stall) { delay += random.seconds(1...90) }
        // TCP keeps the order: nothing overtakes.
        let time = max(timeline.now + delay, link.clearAt[toWorker] ?? .zero)
        link.clearAt[toWorker] = time
        links[id] = link
        if isFaulty(faults.halfOpen) { links[id]?.isBlackHole = true }
        if isFaulty(faults.cut) {
            links[id]?.isOpen = false
            timeline.schedule(.notice(link: id, toWorker: true), in: random.seconds(0...20))
            timeline.schedule(.notice(link: id, toWorker: false), in: random.seconds(0...20))
            return
        }
        timeline.schedule(.deliver(link: id, message, toWorker: toWorker), at: time)
    }

    private mutating func deliver(_ id: UInt64, _ message: Message, toWorker: Bool) {
        guard let link = links[id], !link.isBlackHole else { return }
        if toWorker {
            guard link.isOpen else { return }
            feed(link.worker, .received(id, message))
        } else {
            // What had left before the connection broke may still arrive.
            feedCoordinator(.received(id, message))
        }
    }

    private mutating func close(_ id: UInt64, byWorker: Bool) {
        guard let link = links[id], link.isOpen else { return }
        // What was sent before still arrives, then the end of the stream.
        let time = max(timeline.now, link.clearAt[!byWorker] ?? .zero) + .milliseconds(1)
        timeline.schedule(.notice(link: id, toWorker: !byWorker), at: time)
    }

    // MARK: Helpers

    private mutating func isFaulty(_ chance: Int) -> Bool {
        chance > 0 && timeline.now < faults.until && random.oneIn(chance)
    }

    private mutating func note(_ text: String?) {
        if let text, problem == nil { problem = "at \(timeline.now): \(text)" }
    }

    private mutating func mix(_ text: String) {
        for byte in text.utf8 { trace = (trace ^ UInt64(byte)) &* 1_099_511_628_211 }
    }

    static func latents(for request: GenerationRequest) -> GeneratedLatents {
        let base = Float(request.seed) + Float(request.inferenceStepCount) / 16
        return GeneratedLatents(
            channels: 4, height: 1, width: 1, values: [base, base + 1, base + 2, base + 3])
    }

    private static func node(_ role: PeerRole, instance: UInt8, credits: Int) -> NodeDescription {
        NodeDescription(
            role: role, instance: [UInt8](repeating: instance, count: 16), name: "n\(instance)",
            build: "test", kernelClass: "hash", coreCount: 1, memoryByteCount: 1,
            model: TestCluster.model, credits: credits)
    }
}
