// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import GenerationTypes
import TestSupport
import WireProtocol
import Worker

/// One coordinator, its disk and some workers as pure state machines in virtual time.
///
/// What is between them loses, delays, damages and breaks; machines die, stand still and lie.
/// Everything follows from the scenario, and that from its seed.
package struct SimulatedCluster {
    /// What travels on a connection.
    enum Parcel {
        case message(Message)
        case damage(WireError)
        case end
    }

    enum Event {
        case start
        case coordinatorTick(generation: Int)
        case workerTick(Int, generation: Int)
        case connectResult(link: Int, isOpen: Bool)
        case deliver(link: Int, Parcel, toWorker: Bool)
        case began(worker: Int, epoch: Int, job: UInt64, SamplingCheckpoint?)
        case step(worker: Int, epoch: Int, job: UInt64, item: Int)
        /// A worker whose thread hangs repeats how far it is.
        case parrot(Int, epoch: Int, link: Int, ProgressReport)
        case stored(item: Int, life: Int)
        case decoded(item: Int, life: Int)
        case notDecoded(item: Int, life: Int)
        case episode(Int)
        case thaw(Int)
        case unclog(Int, toWorker: Bool)
        case slowDown(Int, factor: Int)
        case revive(Int, epoch: Int)
        case reviveCoordinator
        case freeDisk
        case submit(Int)
        case cancelBatch(ImageBatch.ID)
        /// Somebody begins or ends to look at an image.
        case watch(item: Int, isWanted: Bool, life: Int)
        /// An operator drains a worker, or resumes it.
        case setAside(address: Int, Bool)
        case drain
    }

    package let scenario: Scenario
    var random: SplitMix64
    var timeline = Timeline<Event>()
    // The coordinator's machine.
    var coordinator: CoordinatorStateMachine
    var life = 0
    var numbering: BatchNumbering
    var isCoordinatorUp = true
    var coordinatorTick = 0
    var disk: Set<Int> = []
    var keptCheckpoints: [Int: SamplingCheckpoint] = [:]
    var isDiskFull = false
    var inFlight: Set<Int> = []
    /// The link of each of this life's connections, in the order of their numbers from 1.
    var linkOfConnection: [Int] = []
    // The workers' machines and the network.
    var nodes: [Node] = []
    var links: [Link] = []
    var nextInstance: UInt64 = 1
    // What was observed.
    var observed = Observations()
    package private(set) var hasEnded = false
    /// The first broken rule.
    package private(set) var problem: String?
    /// Everything that happened, as one number.
    package private(set) var trace = UInt64(14_695_981_039_346_656_037)
    /// Events so far.
    package private(set) var eventCount = 0
    /// When the last image was stored, in seconds.
    package var seconds: Double { observed.lastStored.seconds }
    /// Images whose results each machine brought first.
    package var imageCounts: [Int] { observed.imageCounts }
    /// Takes a line for every event, to look at one run.
    package var log: ((String) -> Void)?

    /// Sets the stage.
    package init(_ scenario: Scenario) {
        self.scenario = scenario
        random = SplitMix64(seed: ~scenario.seed)
        numbering = BatchNumbering(plantedBug: scenario.bug?.coordinator)
        coordinator = Self.coordinator(
            of: scenario, addresses: Array(scenario.addresses.indices), session: 1)
        observed.imageCounts = Array(repeating: 0, count: scenario.machines.count)
        observed.expected = scenario.requests.map {
            SimulatedSampling.result(of: $0, kernelClass: "a")
        }
        for index in scenario.machines.indices {
            nodes.append(
                Node(
                    machine: makeWorker(index), stepTime: scenario.machines[index].stepTime))
            if scenario.machines[index].keepsOldResult { leaveOldResult(index) }
        }
    }

    /// Runs to the end of the run, or to the first broken rule.
    package mutating func run() {
        timeline.schedule(.start, in: .zero)
        for index in scenario.episodes.indices {
            timeline.schedule(.episode(index), in: scenario.episodes[index].time)
        }
        planSettingAside()
        while !hasEnded, problem == nil, let event = timeline.next() {
            eventCount += 1
            handle(event)
            if timeline.now > Self.limit { note("no end after \(Self.limit)") }
            if eventCount > Self.eventCountMax { note("\(eventCount) events and no end") }
        }
        if !hasEnded { note("nothing happens any more") }
        if problem == nil { checkEnd() }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .start: beginSession(ResumedRun())
        case .coordinatorTick(let generation):
            if generation == coordinatorTick { feedCoordinator(.tick) }
        case .workerTick(let index, let generation):
            if generation == nodes[index].tickGeneration { feed(index, .tick) }
        case .connectResult(let link, let isOpen): connectResult(link, isOpen: isOpen)
        case .deliver(let link, let parcel, let toWorker):
            arrive(link, parcel, toWorker: toWorker)
        case .began(let index, let epoch, let job, let checkpoint):
            if nodes[index].epoch == epoch { began(index, job, checkpoint) }
        case .step(let index, let epoch, let job, let item):
            if nodes[index].epoch == epoch { step(index, job, item) }
        case .parrot(let index, let epoch, let link, let report):
            if nodes[index].epoch == epoch { parrot(index, link, report) }
        case .stored(let item, let life): if life == self.life { stored(item) }
        case .decoded(let item, let life):
            if life == self.life { feedCoordinator(.consumed(image: ImageNumber(item))) }
        case .notDecoded(let item, let life):
            guard life == self.life else { break }
            feedCoordinator(
                .decodeFailed(image: ImageNumber(item), reason: "not finite", isDecoderSound: true))
        case .episode(let index): perform(scenario.episodes[index].episode)
        case .thaw(let index): thaw(index)
        case .unclog(let index, let toWorker): unclog(index, toWorker: toWorker)
        case .slowDown(let index, let factor): nodes[index].slowness = factor
        case .revive(let index, let epoch): revive(index, epoch: epoch)
        case .reviveCoordinator: reviveCoordinator()
        case .freeDisk: isDiskFull = false
        case .submit(let index): submit(index)
        case .cancelBatch(let batch): cancel(batch)
        case .watch(let item, let isWanted, let life):
            if life == self.life { watch(item, isWanted) }
        case .setAside(let address, let isSetAside): setAside(address, isSetAside)
        case .drain: feedCoordinator(.drain)
        }
    }

    private mutating func perform(_ episode: Scenario.Episode) {
        if timeline.now >= scenario.faults.until { return }
        log?("\(timeline.now) ===== \(episode)")
        switch episode {
        case .crash(let index, let time): if isMortal(index) { crash(index, downFor: time) }
        case .freeze(let index, let time): if isMortal(index) { freeze(index, for: time) }
        case .clog(let index, let toWorker, let time): clog(index, toWorker: toWorker, for: time)
        case .swizzle(let indices, let each): swizzle(indices, each: each)
        case .partition(let indices, let toWorker, let fromWorker, let time):
            for index in indices {
                if toWorker { clog(index, toWorker: true, for: time) }
                if fromWorker { clog(index, toWorker: false, for: time) }
            }
        case .slowDown(let index, let factor, let time):
            guard isMortal(index) else { return }
            nodes[index].slowness = factor
            timeline.schedule(.slowDown(index, factor: 1), in: time)
        case .clockJump(let index, let time):
            guard isMortal(index) else { return }
            nodes[index].clockOffset += time
            feed(index, .tick)
        case .coordinatorCrash(let time): crashCoordinator(downFor: time)
        case .diskFull(let time):
            isDiskFull = true
            timeline.schedule(.freeDisk, in: time)
        case .drain(let index): if isMortal(index) { feed(index, .drain) }
        case .cancel:
            guard isCoordinatorUp else { return }
            observed.isCancelled = true
            feedCoordinator(.cancel)
        }
    }

    // MARK: For all parts

    mutating func end() { hasEnded = true }

    mutating func note(_ text: String) {
        guard problem == nil else { return }
        problem = "at \(timeline.now): \(text)"
        log?(problem ?? "")
    }

    mutating func mix(_ values: UInt64...) {
        for value in values { trace = (trace ^ value) &* 1_099_511_628_211 }
    }

    func isMortal(_ index: Int) -> Bool { scenario.immortal != index }

    /// Whether a fault of this chance happens now, at this machine or its connection.
    mutating func strikes(_ chance: Int, _ index: Int) -> Bool {
        chance > 0 && timeline.now < scenario.faults.until && isMortal(index)
            && random.oneIn(chance)
    }

    /// Even the unluckiest run is over by then: hung workers are excluded after some such hours.
    static let limit = Duration.seconds(8 * 3600)
    /// Nor does any run take so many events, unless something spins.
    static let eventCountMax = 1_000_000
}
