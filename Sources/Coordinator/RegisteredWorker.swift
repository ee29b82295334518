// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
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

    /// A lease it holds.
    struct HeldLease: Equatable {
        var lease: Lease
        /// Whether the worker said that it began.
        var isStarted = false
        var step = 0
        /// CANCEL is sent; the answer is awaited.
        var isRevoked = false
    }

    let address: WorkerAddress
    var phase = Phase.waiting(until: .zero)
    var connection: UInt64?
    var node: NodeDescription?
    var watch: PeerWatch
    var leases: [HeldLease] = []
    /// When it was last seen to move an image on.
    var lastProgress = Duration.zero
    /// Smoothed seconds of one step; 0 before the first.
    var stepSeconds = 0.0
    /// Lost connections and failed images since its last result.
    var failureCount = 0
    var busySince: Duration?
    var isDraining = false
    /// It asked for a pause.
    var pausedUntil: Duration?

    init(address: WorkerAddress, timeouts: ClusterTimeouts) {
        self.address = address
        watch = PeerWatch(timeouts: timeouts, now: .zero)
    }

    /// Name in events: as the user wrote it.
    var name: String { address.description }

    var isGone: Bool {
        if case .gone = phase { true } else { false }
    }

    /// How many more images it takes now.
    func freeCredits(now: Duration) -> Int {
        guard phase == .ready, !isDraining, now >= pausedUntil ?? .zero, let node else { return 0 }
        return node.credits - leases.count
    }

    /// How long its steps may take before it counts as hung.
    func patience(timeouts: ClusterTimeouts) -> Duration {
        guard leases.contains(where: { $0.isStarted && $0.step > 0 }) else {
            return timeouts.firstStep
        }
        return max(timeouts.stepTimeFloor, .seconds(stepSeconds * timeouts.stepTimeFactor))
    }

    /// When the clock alone changes something about it.
    func deadline(timeouts: ClusterTimeouts) -> Duration? {
        switch phase {
        case .waiting(let until): return until
        case .connecting, .gone: return nil
        case .greeting(let deadline): return deadline
        case .ready:
            var deadline = watch.deadline
            if !leases.isEmpty {
                deadline = min(deadline, lastProgress + patience(timeouts: timeouts))
            }
            return pausedUntil.map { min(deadline, $0) } ?? deadline
        }
    }

    /// Learns from one step; a slow step counts at once, quick ones gradually.
    mutating func observe(stepSeconds seconds: Double) {
        stepSeconds = max(seconds, stepSeconds * 0.8 + seconds * 0.2)
    }
}
