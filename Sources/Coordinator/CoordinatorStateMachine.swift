// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
package import GenerationTypes
package import WireProtocol

/// All decisions of a coordinator: events in, actions out; no sockets, no threads, no clock.
///
/// Every image ends in exactly one way: completed once, or failed with its reasons. An image has one
/// live lease, two when a copy of it is drawn. A lease ends with its result, with the connection of
/// its worker, or when its steps stop.
package struct CoordinatorStateMachine {
    /// Names a connection; chosen here, one for each attempt to connect.
    package typealias ConnectionID = UInt64

    /// What happened.
    package enum Event: Sendable {
        case start
        case connected(ConnectionID)
        /// `isFinal`: the worker will not have us, now or later.
        case connectFailed(ConnectionID, reason: String, isFinal: Bool = false)
        case received(ConnectionID, Message)
        case malformed(ConnectionID, WireError)
        case disconnected(ConnectionID, reason: String)
        /// A result is where no crash can take it away.
        case stored(item: Int)
        /// A result can't be kept; the run ends, and what was stored before stays.
        case storeFailed(item: Int, reason: String)
        /// An image was decoded and its consumer is done with it.
        case consumed(item: Int)
        /// - Parameter isDecoderSound: whether the decoder makes a picture of other latents of that
        ///   size, so that these are to blame.
        case decodeFailed(item: Int, reason: String, isDecoderSound: Bool)
        /// The user gives up.
        case cancel
        case tick
    }

    /// What to do about it, in this order.
    package enum Action: Sendable, Equatable {
        case connect(ConnectionID, WorkerAddress)
        case send(ConnectionID, Message)
        /// Close after what was sent has left.
        case finish(ConnectionID)
        /// Close at once.
        case abort(ConnectionID, reason: String)
        /// Put a result where no crash can take it away; `stored` or `storeFailed` follows.
        case store(LatentResult, worker: String, kernelClass: String)
        /// Take back what was stored of an image: no picture can be made of it.
        case forget(item: Int)
        /// Put a checkpoint beside it, for a later life of this run; it replaces the image's last one
        /// and may be dropped with its outcome.
        case keep(item: Int, SamplingCheckpoint)
        /// - Parameter picture: what the worker made of the latents; without, it is to be made here.
        case decode(LatentResult, worker: String, kernelClass: String, picture: WorkerPicture?)
        case report(CoordinatorEvent)
        /// Nothing is left to do.
        case end
    }

    /// The life of one image.
    struct Item {
        enum Status: Equatable {
            case pending
            case leased
            /// Its result is here and is being stored.
            case storing
            case completed
            case failed
            /// Still open when the user gave up.
            case cancelled
        }
        var status = Status.pending
        var attemptCount = 0
        var failures: [AttemptFailure] = []
        /// Attempts that ended because the worker was lost; they are in `failures` too.
        var lostAttempts: Set<Int> = []
        /// Workers that failed it.
        var failedWorkers: Set<Int> = []
        /// Those of them that do not understand its request: they do not get it again.
        var puzzledWorkers: Set<Int> = []
        /// What it fails with when nobody is left who does.
        var puzzle: AttemptFailure?
        /// Leases that may bring its result.
        var liveCount = 0
        /// Not leased again before this.
        var notBefore = Duration.zero
        /// Ends of workers that sampled it.
        var kills: [SampledLoss] = []
        /// Losses of workers of which it is not known whether they ended.
        var openLosses: [SampledLoss] = []
        /// Digest, maker and lease of the first result.
        var sha256: [UInt8] = []
        var maker: Int?
        var filledBy: Lease?
        /// Results of which the decoder made no picture.
        var undecodable: [(lease: Lease, sha256: [UInt8])] = []

        /// Failures that may be its own fault.
        var chargedCount: Int { failures.count - lostAttempts.count }
        /// Losses of both kinds.
        var losses: [SampledLoss] { kills + openLosses }
        /// Whether it may still get a result.
        var isOpen: Bool { status == .pending || status == .leased }
        /// Whether it has no outcome yet.
        var isUnsettled: Bool { isOpen || status == .storing }
    }

    let node: NodeDescription
    let configuration: CoordinatorConfiguration
    var timeouts: ClusterTimeouts { configuration.timeouts }
    var tolerance: FaultTolerance { configuration.tolerance }
    let requests: [GenerationRequest]
    /// What one step of each costs.
    let stepWork: [Double]
    /// Seconds per step and unit of work of workers of which it is not known yet.
    var usualUnitSeconds = 1.0
    var items: [Item]
    var workers: [RegisteredWorker]
    /// The first item that was never leased; items before it were, or are not open any more.
    var nextFresh = 0
    /// Items that wait for another lease, in prompt order.
    var retries: [Int] = []
    /// Results on their way to the disk.
    var storing: [Int: StoringResult] = [:]
    /// The newest checkpoints of items that were begun and have no outcome.
    var checkpoints: [Int: KeptCheckpoint] = [:]
    /// Items neither completed nor failed.
    var openCount: Int
    /// Results that wait for the decoder or its consumer.
    var undecodedCount = 0
    /// Makes the leases, and knows them again.
    var mint: LeaseMint
    /// When estimates are looked at again for the sake of idle workers.
    var tailCheck: Duration?
    /// The time of the last event.
    var lastNow = Duration.zero
    var nextConnection: ConnectionID = 1
    /// The worker of each connection that has not ended.
    var workerOfConnection: [ConnectionID: Int] = [:]
    var isEnded = false
    /// The user gave up.
    package private(set) var wasCancelled = false
    /// Images were given up because no worker was left.
    package private(set) var ranOutOfWorkers = false
    /// Why results could not be stored.
    package private(set) var storeFailure: String?
    var actions: [Action] = []

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - node: what HELLO says; its instance id is the run's.
    ///   - workers: at least one.
    ///   - mint: makes the leases; with the key of the run's earlier sessions.
    ///   - resumed: what an earlier life of the same run left behind.
    package init(
        node: NodeDescription, configuration: CoordinatorConfiguration,
        workers: [WorkerAddress], requests: [GenerationRequest], mint: LeaseMint,
        resumed: ResumedRun = ResumedRun()
    ) {
        self.node = node
        self.configuration = configuration
        self.requests = requests
        stepWork = requests.map(\.stepWork)
        items = Array(repeating: Item(), count: requests.count)
        openCount = requests.count
        self.workers = workers.map {
            RegisteredWorker(address: $0, timeouts: configuration.timeouts)
        }
        self.mint = mint
        let completed = configuration.plantedBug == .forgetStored ? [:] : resumed.completed
        for (item, sha256) in completed {
            items[item].status = .completed
            items[item].sha256 = sha256
        }
        for (item, failures) in resumed.failed {
            items[item].status = .failed
            items[item].failures = failures
        }
        openCount -= completed.count + resumed.failed.count
        for (item, checkpoint) in resumed.checkpoints where items[item].isOpen {
            checkpoints[item] = KeptCheckpoint(checkpoint: checkpoint, makers: [])
        }
        skipSettled(from: 0)
    }

    /// Takes one event.
    ///
    /// - Parameter now: time since any fixed origin; never decreases.
    package mutating func handle(_ event: Event, now: Duration) -> [Action] {
        guard !isEnded else { return [] }
        lastNow = now
        switch event {
        case .start: start(now: now)
        case .connected(let id): withWorker(id) { $0.connected(id, $1, now: now) }
        case .connectFailed(let id, let reason, isFinal: true):
            withWorker(id) { $0.retire($1, reason: reason, now: now) }
        case .connectFailed(let id, let reason, isFinal: false), .disconnected(let id, let reason):
            withWorker(id) { $0.lose($1, reason: reason, now: now) }
            workerOfConnection[id] = nil
        case .received(let id, let message):
            withWorker(id) { $0.received(message, from: $1, on: id, now: now) }
        case .malformed(let id, let error):
            withWorker(id) { $0.malformed(error, from: $1, on: id, now: now) }
        case .stored(let item): stored(item)
        case .storeFailed(_, let reason):
            storeFailure = reason
            cancel()
        case .consumed: undecodedCount -= 1
        case .decodeFailed(let item, let reason, let isDecoderSound):
            decodeFailed(item, reason: reason, isDecoderSound: isDecoderSound, now: now)
        case .cancel: cancel()
        case .tick: tick(now: now)
        }
        settle(now: now)
        defer { actions = [] }
        return actions
    }

    /// When `tick` has something to do; `nil` for never.
    package var nextDeadline: Duration? {
        var next = tailCheck
        let timeouts = timeouts
        for worker in workers {
            guard let time = worker.deadline(timeouts: timeouts, stepWork: stepWork) else {
                continue
            }
            next = min(next ?? time, time)
        }
        for item in retries where items[item].notBefore > lastNow {
            next = min(next ?? items[item].notBefore, items[item].notBefore)
        }
        return next
    }

    /// Reasons per worker that can't be used any more.
    package var lostWorkers: [String] {
        workers.compactMap { worker in
            guard case .gone(let reason) = worker.phase else { return nil }
            return "\(worker.address): \(reason)"
        }
    }

    /// Whether every worker is out of the run.
    package var hasNoWorkers: Bool { workers.allSatisfy(\.isGone) }

    /// Whether nothing is left to do.
    package var hasEnded: Bool { isEnded }

    /// Images failed so far, with their reasons.
    package var failures: [Int: [AttemptFailure]] {
        var failures: [Int: [AttemptFailure]] = [:]
        for (index, item) in items.enumerated() where item.status == .failed {
            failures[index] = item.failures
        }
        return failures
    }

    private mutating func start(now: Duration) {
        for (index, request) in requests.enumerated() where items[index].isOpen {
            do {
                try request.validate()
            } catch {
                fail(index, AttemptFailure(worker: "", attempt: 0, reason: error.description))
            }
        }
        for index in workers.indices where openCount > 0 { connect(index) }
    }

    private mutating func cancel() {
        wasCancelled = true
        if has(.grantAfterCancel) { return }
        openCount = 0
        undecodedCount = 0
        storing = [:]
        retries = []
        for index in items.indices where items[index].isUnsettled {
            items[index].status = .cancelled
            items[index].liveCount = 0
        }
    }

    private mutating func settle(now: Duration) {
        tailCheck = nil
        releaseDrained(now: now)
        failPuzzles(now: now)
        if openCount > 0, hasNoWorkers { failAllOpen() }
        if openCount > 0 {
            grant(now: now)
            return
        }
        dismissWorkers()
        guard undecodedCount == 0 else { return }
        isEnded = true
        actions.append(.end)
    }

    private mutating func failAllOpen() {
        for index in items.indices
        where items[index].isOpen || items[index].isUnsettled && has(.failWhileStoring) {
            ranOutOfWorkers = true
            fail(index, .noWorkerLeft)
        }
    }

    private mutating func withWorker(
        _ id: ConnectionID, _ body: (inout CoordinatorStateMachine, Int) -> Void
    ) {
        // Events of connections that were given up already are of no interest.
        guard isOpen(id), let index = workerOfConnection[id] else { return }
        body(&self, index)
    }

    /// Whether a connection is still a worker's.
    func isOpen(_ id: ConnectionID) -> Bool {
        guard let index = workerOfConnection[id] else { return false }
        return workers[index].connection == id
    }
}
