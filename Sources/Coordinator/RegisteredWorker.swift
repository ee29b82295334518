// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// What the coordinator knows of one worker.
///
/// Where it stands, its connection and its leases change only here, together: no worker holds
/// leases without a connection that is ready.
struct RegisteredWorker {
    /// Where it stands between unknown and gone.
    enum Phase: Equatable {
        /// Not connected; tried at this time.
        case waiting(until: Duration)
        case connecting
        /// HELLO is sent; WELCOME must come before the deadline.
        case greeting(deadline: Duration)
        case ready
        /// Out of the cluster.
        case gone(reason: String)
    }

    /// What was reported of a worker that is set aside.
    enum Drain { case underWay, done }

    let address: WorkerAddress
    /// Name in events: as the user wrote it.
    let name: String
    private(set) var phase = Phase.waiting(until: .zero)
    private(set) var connection: ConnectionID?
    private(set) var node: NodeDescription?
    /// What it holds, in the order in which it was given.
    private(set) var leases: [HeldLease] = []
    /// No image needed it, so that it was sent GOODBYE; it may be needed again.
    private(set) var isDismissed = false
    var watch: PeerWatch
    /// When it was last seen to advance an image.
    var lastProgress = Duration.zero
    var pace = StepPace()
    /// Lost connections and failed attempts to connect since it last advanced an image.
    var lossCount = 0
    /// When the first of them was.
    var lostSince = Duration.zero
    /// Why it last gave an image back whose request it does not understand.
    var lastNotUnderstood: String?
    /// Whether its absence was reported.
    var isLossReported = false
    /// The reason of its refusal that was reported last; `nil` once it is welcome.
    var reportedRefusal: String?
    /// Images it was sampling when it was lost, until it is known whether it ended.
    var lostImages: [(image: ImageNumber, loss: SampledLoss)] = []
    /// When it last finished a step.
    var lastStep = Duration.zero
    /// When it failed, as far as that counts.
    var strikes: [Duration] = []
    /// Quarantines since it last passed a probe.
    var quarantineCount = 0
    /// It gets one image at a time until one succeeds.
    var isOnProbation = false
    /// An image of which it sent other latents than another worker; it has to sample it again.
    var disputedImage: ImageNumber?
    var busySince: Duration?
    /// It is being stopped, and says so.
    var isDraining = false
    /// An operator wants it to get no more images, through all its connections.
    var isSetAside = false
    /// What was reported of that last; `nil` before, and while it is not connected.
    var reportedDrain: Drain?
    /// The picture that it sent last; the result that it belongs to follows.
    var picture: (lease: Lease, picture: WorkerPicture)?
    /// It asked for a pause, or is quarantined.
    var pausedUntil: Duration?

    init(address: WorkerAddress, timeouts: ClusterTimeouts) {
        self.address = address
        name = address.description
        watch = PeerWatch(timeouts: timeouts, now: .zero)
    }

    var isGone: Bool {
        if case .gone = phase { true } else { false }
    }

    /// Whether it takes images now or when it is done with those it has.
    func isUsable(now: Duration) -> Bool { isPresent && isSound(now: now) }

    /// Whether it is connected and takes images, if not at the moment.
    var isPresent: Bool { isAtWork && !isSetAside }

    /// Whether it is connected and is not being stopped.
    private var isAtWork: Bool { phase == .ready && !isDraining }

    private func isSound(now: Duration) -> Bool { now >= pausedUntil ?? .zero && !isStuck }

    /// Whether a lease expired and it has not answered.
    var isStuck: Bool { leases.contains { $0.recall == .expired } }

    /// Images that it samples at the same time.
    var pictureCount: Int { max(1, node?.pictureCount ?? 1) }

    /// Threads that sample nothing now, as far as is known.
    var idleThreadCount: Int { max(0, pictureCount - leases.count) }

    /// When it was last seen to advance the image of a lease.
    ///
    /// With one image at a time that is when it was last seen to do anything.
    func lastProgress(of held: HeldLease) -> Duration {
        pictureCount > 1 ? held.lastProgress : lastProgress
    }

    /// How many more images it takes now.
    ///
    /// - Parameter isUnderWay: whether they are such that it samples already: those it may finish
    ///   though it is set aside.
    func freeCredits(now: Duration, isUnderWay: Bool = false) -> Int {
        guard isUnderWay ? isAtWork && isSound(now: now) : isUsable(now: now),
            let credits = node?.credits, !leases.contains(where: \.isAlone)
        else { return 0 }
        return (isOnProbation ? 1 : credits) - leases.count
    }

    /// The lease it works on, as far as is known.
    var runningLease: HeldLease? { leases.first(where: \.isStarted) ?? leases.first }

    /// How long it may go without a step before its lease expires.
    func patience(timeouts: ClusterTimeouts) -> Duration {
        guard let running = runningLease else { return timeouts.firstStep }
        return patience(for: running, timeouts: timeouts)
    }

    /// How long one of its images may go without a step before its lease expires.
    func patience(for running: HeldLease, timeouts: ClusterTimeouts) -> Duration {
        let usual = pace.stepSeconds(ofWork: running.stepWork) * timeouts.stepTimeFactor
        return max(
            running.isAtItsFirstStep ? timeouts.firstStep : timeouts.stepTimeFloor, .seconds(usual))
    }

    /// When the lease expires of which the next step is missing first; `nil` without leases.
    ///
    /// Of several images that it samples at the same time, each has its own time.
    func leaseDeadline(timeouts: ClusterTimeouts) -> Duration? {
        guard !leases.isEmpty else { return nil }
        guard hasParallelImages else { return lastProgress + patience(timeouts: timeouts) }
        return leases.filter(\.isStarted)
            .map { $0.lastProgress + patience(for: $0, timeouts: timeouts) }.min()
    }

    /// Whether steps of one of its images say nothing about the others.
    var hasParallelImages: Bool { pictureCount > 1 && leases.contains(where: \.isStarted) }

    /// When the clock alone changes something about it.
    func deadline(timeouts: ClusterTimeouts) -> Duration? {
        switch phase {
        case .waiting(let until): return until
        case .connecting, .gone: return nil
        case .greeting(let deadline): return deadline
        case .ready:
            var deadline = watch.deadline
            if let expiry = leaseDeadline(timeouts: timeouts) { deadline = min(deadline, expiry) }
            for held in leases {
                guard let time = held.answerDeadline(timeouts: timeouts) else { continue }
                deadline = min(deadline, time)
            }
            return pausedUntil.map { min(deadline, $0) } ?? deadline
        }
    }
}

// MARK: Connection

extension RegisteredWorker {
    mutating func connect(_ id: ConnectionID) {
        phase = .connecting
        connection = id
    }

    mutating func greet(until deadline: Duration) { phase = .greeting(deadline: deadline) }

    /// It answered and takes images.
    mutating func welcome(_ node: NodeDescription, timeouts: ClusterTimeouts, now: Duration) {
        phase = .ready
        self.node = node
        isLossReported = false
        reportedRefusal = nil
        busySince = nil
        isDraining = false
        if !isOnProbation { pausedUntil = nil }
        lastProgress = now
        watch = PeerWatch(timeouts: timeouts, now: now)
    }

    /// Its connection has ended or is not of interest any more.
    ///
    /// - Returns: the leases that it held.
    mutating func disconnect() -> [HeldLease] {
        connection = nil
        picture = nil
        defer { leases = [] }
        return leases
    }

    /// It is tried again at this time.
    ///
    /// - Precondition: it is not connected.
    mutating func wait(until time: Duration) {
        precondition(connection == nil)
        phase = .waiting(until: time)
        isDismissed = false
    }

    /// It is out of the cluster.
    ///
    /// - Precondition: it is not connected.
    mutating func leave(reason: String, isDismissed: Bool = false) {
        precondition(connection == nil)
        phase = .gone(reason: reason)
        self.isDismissed = isDismissed
    }
}

// MARK: Leases

extension RegisteredWorker {
    func holds(_ image: ImageNumber) -> Bool { leases.contains { $0.image == image } }

    func held(_ lease: Lease) -> HeldLease? { leases.first { $0.lease == lease } }

    mutating func hold(_ held: HeldLease) { leases.append(held) }

    /// Changes a lease that it holds.
    mutating func update(_ lease: Lease, _ change: (inout HeldLease) -> Void) {
        guard let position = leases.firstIndex(where: { $0.lease == lease }) else { return }
        change(&leases[position])
    }

    /// Asks for a lease back.
    ///
    /// - Returns: whether CANCEL has to be sent.
    mutating func recall(_ lease: Lease, _ reason: HeldLease.Recall, now: Duration) -> Bool {
        guard let position = leases.firstIndex(where: { $0.lease == lease }) else { return false }
        return leases[position].recall(reason, now: now)
    }

    /// Takes the first lease out that fits; `nil` if it holds none.
    mutating func release(where isWanted: (HeldLease) -> Bool) -> HeldLease? {
        leases.firstIndex(where: isWanted).map { leases.remove(at: $0) }
    }
}
