// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes
package import WireProtocol

/// All decisions of a worker: events in, actions out; no sockets, no threads, no clock.
///
/// It works for one coordinator at a time. A second one is refused as busy and told when to retry;
/// once the first has said goodbye or is lost, the next is accepted. A result is kept until it is
/// acknowledged, and resent when its coordinator reconnects. If its coordinator is lost, images
/// are still sampled to the end unless another coordinator arrives first.
package struct WorkerStateMachine {
    /// Identifies a connection.
    package typealias ConnectionID = UInt64
    /// Identifies a run of the generator.
    package typealias JobID = UInt64

    /// What happened.
    package enum Event: Sendable {
        case connected(ConnectionID, peer: String)
        case received(ConnectionID, Message)
        case malformed(ConnectionID, WireError)
        case disconnected(ConnectionID, reason: String)
        case stepped(JobID, step: Int, stepCount: Int, seconds: Double)
        /// The generator resumed from its checkpoint.
        case resumed(JobID, step: Int, stepCount: Int)
        /// It could not, and restarts.
        case checkpointIgnored(JobID, reason: String)
        /// What another worker needs to resume after this step.
        case saved(JobID, step: Int, [UInt8])
        /// What the image may become.
        case previewed(JobID, LatentPreview)
        /// The picture of the image about to be finished.
        case decoded(JobID, WorkerPicture)
        case notDecoded(JobID, reason: String)
        case finished(JobID, SampledImage)
        case failed(JobID, WireReason)
        case drain
        case tick
    }

    /// The actions to perform, in this order.
    package enum Action: Sendable, Equatable {
        case send(ConnectionID, Message)
        /// Close once outgoing messages have been sent.
        case finish(ConnectionID)
        /// Close at once.
        case abort(ConnectionID, reason: String)
        case begin(JobID, GenerationRequest, Preparation)
        /// Show what a running job may become, at most once per interval; 0 for never.
        case watch(JobID, intervalMilliseconds: Int)
        /// Ask a running job to end; it answers with `failed(cancelled)`, unless it finishes
        /// first.
        case cancel(JobID)
        case report(WorkerEvent)
        /// Drained: nothing is left to do.
        case stop
    }

    /// One assigned image.
    struct Job {
        var id: JobID
        var lease: Lease
        var request: GenerationRequest
        var preparation: Preparation
        /// Instance id of the coordinator that requested it.
        var owner: [UInt8]
        /// The picture decoded from its latents.
        var picture: WorkerPicture?
        /// Milliseconds between two previews; 0 without.
        var previewInterval = 0
        var isCancelled = false
        /// Its coordinator was lost; it does not count against any credits.
        var isOrphan = false
        /// Steps done, and total steps.
        var step = 0
        var stepCount: Int
        var reporter: StepReporter
    }

    /// An unacknowledged result.
    struct KeptResult {
        var result: LatentResult
        var picture: WorkerPicture?
        var request: GenerationRequest
        var owner: [UInt8]
    }

    /// One TCP connection.
    struct Connection {
        enum Phase: Equatable {
            /// No HELLO yet; it must arrive before the deadline.
            case greeting(deadline: Duration)
            case active
            /// Closing; aborted at the deadline.
            case closing(deadline: Duration)
        }
        var phase: Phase
        var peer: String
        var name = ""
        var instance: [UInt8] = []
        var watch: PeerWatch
        /// The PREPARE for the next ASSIGN.
        var prepared: (lease: Lease, preparation: Preparation)?
        /// A PREPARE for the next ASSIGN that was not understood.
        var unclear: WireError?
        /// The coordinator asked to stop after the running images.
        var isDraining = false
    }

    /// Time limit for closing a connection.
    static let closingTimeout = Duration.seconds(5)

    let node: NodeDescription
    let timeouts: ClusterTimeouts
    /// A deliberate bug, for testing the tests.
    let plantedBug: WorkerBug?
    var connections: [ConnectionID: Connection] = [:]
    var active: ConnectionID?
    var queue: [Job] = []
    /// At most `node.pictureCount`, in the order in which they began.
    var running: [Job] = []
    var kept: [KeptResult] = []
    var nextJob: JobID = 1
    var isDraining = false
    var isStopped = false
    var actions: [Action] = []

    /// Starts idle.
    ///
    /// - Parameter node: the contents of WELCOME; `credits` bounds the images held at a
    ///   time, `pictureCount` those that run.
    package init(
        node: NodeDescription, timeouts: ClusterTimeouts = ClusterTimeouts(),
        plantedBug: WorkerBug? = nil
    ) {
        self.node = node
        self.timeouts = timeouts
        self.plantedBug = plantedBug
    }

    /// Unacknowledged results allowed before sampling pauses.
    var keptCountMax: Int { node.credits + 2 }

    /// Applies an event.
    ///
    /// - Parameter now: time since any fixed origin; never decreases.
    package mutating func handle(_ event: Event, now: Duration) -> [Action] {
        guard !isStopped else { return [] }
        switch event {
        case .connected(let id, let peer): connected(id, peer: peer, now: now)
        case .received(let id, let message): received(id, message, now: now)
        case .malformed(let id, let error): malformed(id, error, now: now)
        case .disconnected(let id, let reason): disconnected(id, reason: reason)
        case .stepped(let job, let step, let stepCount, let seconds):
            stepped(job, step: step, stepCount: stepCount, seconds: seconds)
        case .resumed(let job, let step, let stepCount):
            resumed(job, step: step, stepCount: stepCount)
        case .checkpointIgnored(let job, let reason): checkpointIgnored(job, reason: reason)
        case .saved(let job, let step, let bytes): saved(job, step: step, bytes)
        case .previewed(let job, let preview): previewed(job, preview)
        case .decoded(let job, let picture): decoded(job, picture)
        case .notDecoded(let job, let reason): notDecoded(job, reason: reason)
        case .finished(let job, let sampled): finished(job, sampled)
        case .failed(let job, let reason): failed(job, reason)
        case .drain: drain()
        case .tick: tick(now: now)
        }
        beginNext()
        endIfDrained(now: now)
        defer { actions = [] }
        return actions
    }

    /// When `tick` next has work to do; `nil` for never.
    package var nextDeadline: Duration? {
        if isStopped { return nil }
        return connections.values.map { connection in
            switch connection.phase {
            case .greeting(let deadline), .closing(let deadline): deadline
            case .active: connection.watch.deadline
            }
        }.min()
    }

    /// Images that count against the credits: waiting, or running for a coordinator that is
    /// connected and wants them.
    package var heldCount: Int {
        queue.count + running.count { isForActive($0) && !$0.isOrphan && !$0.isCancelled }
    }

    /// Unacknowledged results.
    package var keptCount: Int { kept.count }

    /// Images a coordinator may lease to it at once.
    package var credits: Int { node.credits }

    /// Images it samples at the same time.
    package var pictureCount: Int { node.pictureCount }

    /// Whether it has been drained and has nothing left to do.
    package var hasStopped: Bool { isStopped }

    private mutating func tick(now: Duration) {
        for (id, connection) in connections.sorted(by: { $0.key < $1.key }) {
            switch connection.phase {
            case .greeting(let deadline) where now >= deadline:
                let reason = "it said nothing for \(timeouts.handshake.seconds) s"
                actions.append(
                    .report(.strangerRejected(peer: connection.peer, reason: reason)))
                close(id, .refuse(WireReason(.handshakeTimeout, reason)), now: now)
            case .closing(let deadline) where now >= deadline:
                connections[id] = nil
                actions.append(.abort(id, reason: "it did not close"))
            case .active:
                check(id, now: now)
            case .greeting, .closing: break
            }
        }
    }

    private mutating func check(_ id: ConnectionID, now: Duration) {
        switch connections[id]?.watch.check(now: now) {
        case .ping: actions.append(.send(id, .ping(UInt64(now.components.seconds))))
        case .gone:
            let reason = "it was silent for \(timeouts.idle.seconds) s"
            actions.append(.abort(id, reason: reason))
            disconnected(id, reason: reason)
        case .fine, nil: break
        }
    }

    /// Sends a final message, then closes; ignores everything else from this connection.
    mutating func close(_ id: ConnectionID, _ lastWord: Message?, now: Duration) {
        if let lastWord { actions.append(.send(id, lastWord)) }
        actions.append(.finish(id))
        connections[id]?.phase = .closing(deadline: now + Self.closingTimeout)
        if active == id { active = nil }
    }

    private mutating func endIfDrained(now: Duration) {
        if let id = active, let connection = connections[id] {
            guard isDraining || connection.isDraining, running.isEmpty,
                !kept.contains(where: { $0.owner == connection.instance })
            else { return }
            let reason = "drained"
            actions.append(.report(.coordinatorLeft(name: connection.name, reason: reason)))
            close(id, .goodbye(WireReason(.draining, reason)), now: now)
        }
        guard isDraining, running.isEmpty, active == nil else { return }
        isStopped = true
        actions += [.report(.drained), .stop]
    }
}
