// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// What the coordinator's state machine knows of one worker.
struct RegisteredWorker {
    /// Where it stands between unknown and gone.
    enum Phase: Equatable {
        /// Not connected; tried when the time comes.
        case waiting(until: Duration)
        case connecting
        /// HELLO is sent; WELCOME must come before the deadline.
        case greeting(deadline: Duration)
        case ready
        /// Out of this run.
        case gone(reason: String)
    }

    let address: WorkerAddress
    /// Name in events: as the user wrote it.
    let name: String
    var phase = Phase.waiting(until: .zero)
    var connection: UInt64?
    var node: NodeDescription?
    var watch: PeerWatch
    var leases: [HeldLease] = []
    /// When it was last seen to move an image on.
    var lastProgress = Duration.zero
    var pace = StepPace()
    /// Lost connections and failed attempts to connect since it last moved an image on.
    var lossCount = 0
    /// When the first of them was.
    var lostSince = Duration.zero
    /// Why it last gave an image back whose request it does not understand.
    var lastPuzzle: String?
    /// Whether its absence was reported.
    var isLossReported = false
    /// Images it was sampling when it was lost, until it is known whether it ended.
    var lostItems: [(item: Int, loss: SampledLoss)] = []
    /// When it last finished a step.
    var lastStep = Duration.zero
    /// When it failed, as far as that counts.
    var strikes: [Duration] = []
    /// Quarantines since it last passed a probe.
    var quarantineCount = 0
    /// It gets one image at a time until one succeeds.
    var isOnProbation = false
    /// An image of which it brought other latents than another worker; it has to draw it again.
    var disputedItem: Int?
    var busySince: Duration?
    var isDraining = false
    /// It was said goodbye to because no image needed it.
    var isDismissed = false
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

    private var isReady: Bool {
        if case .ready = phase { true } else { false }
    }

    /// Whether it takes images now or when it is done with those it has.
    func isUsable(now: Duration) -> Bool {
        isReady && !isDraining && now >= pausedUntil ?? .zero && !isStuck
    }

    /// Whether a lease expired and it has not said what became of it.
    var isStuck: Bool { leases.contains { $0.recall == .expired } }

    /// How many more images it takes now.
    func freeCredits(now: Duration) -> Int {
        guard isUsable(now: now), let node, !leases.contains(where: \.isAlone) else { return 0 }
        return (isOnProbation ? 1 : node.credits) - leases.count
    }

    /// The lease it works on, as far as is known.
    var runningLease: HeldLease? { leases.first(where: \.isStarted) ?? leases.first }

    /// How long it may go without a step before its lease expires.
    ///
    /// - Parameter stepWork: what a step of each image costs.
    func patience(timeouts: ClusterTimeouts, stepWork: [Double]) -> Duration {
        guard let running = runningLease else { return timeouts.firstStep }
        let usual = pace.stepSeconds(ofWork: stepWork[running.item]) * timeouts.stepTimeFactor
        return max(
            running.isAtItsFirstStep ? timeouts.firstStep : timeouts.stepTimeFloor, .seconds(usual))
    }

    /// When the clock alone changes something about it.
    func deadline(timeouts: ClusterTimeouts, stepWork: [Double]) -> Duration? {
        switch phase {
        case .waiting(let until): return until
        case .connecting, .gone: return nil
        case .greeting(let deadline): return deadline
        case .ready:
            var deadline = watch.deadline
            if !leases.isEmpty {
                let patience = patience(timeouts: timeouts, stepWork: stepWork)
                deadline = min(deadline, lastProgress + patience)
            }
            for held in leases {
                guard let time = held.answerDeadline(timeouts: timeouts) else { continue }
                deadline = min(deadline, time)
            }
            return pausedUntil.map { min(deadline, $0) } ?? deadline
        }
    }
}
