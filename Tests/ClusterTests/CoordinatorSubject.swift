// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Testing
import WireProtocol

/// A machine with workers w0, w1, …; their first connections are 1, 2, ….
struct CoordinatorSubject {
    typealias Action = CoordinatorStateMachine.Action

    var machine: CoordinatorStateMachine
    var now = Duration.zero
    private(set) var requests: [GenerationRequest]
    /// Images that failed, with their reasons.
    private(set) var failures: [ImageNumber: [FailedAttempt]] = [:]
    private let resumed: ResumedRun
    private var numbering = BatchNumbering()

    init(
        workers: Int = 2, images: Int = 4, resumed: ResumedRun = ResumedRun(),
        end: CoordinatorStateMachine.End = .whenEmpty,
        _ configure: (inout CoordinatorConfiguration) -> Void = { _ in }
    ) {
        var configuration = TestCluster.coordinatorConfiguration()
        configuration.timeouts = ClusterTimeouts()
        configuration.tolerance = FaultTolerance()
        configure(&configuration)
        requests = TestCluster.requests(images)
        self.resumed = resumed
        machine = CoordinatorStateMachine(
            node: coordinatorNode(), configuration: configuration,
            workers: (0..<workers).map { WorkerAddress(host: "w\($0)") },
            mint: TestCluster.mint(session: resumed.session), end: end)
    }

    mutating func callAsFunction(_ event: CoordinatorStateMachine.Event) -> [Action] {
        defer { #expect(machine.brokenInvariant() == nil) }
        var actions: [Action] = []
        if case .start = event {
            // All images are submitted before anything else happens.
            let batch = numbering.makeBatch(requests, resumed: resumed)
            actions = machine.handle(.submit(batch), now: now)
        }
        actions += machine.handle(event, now: now)
        for case .store(let image, _, _, _) in actions {
            actions += machine.handle(.stored(image: image), now: now)
        }
        for case .report(.failed(let image, let reasons)) in actions {
            failures[image] = reasons
        }
        return actions
    }

    /// Submits more images.
    mutating func submit(_ count: Int) -> (batch: ImageBatch.ID, actions: [Action]) {
        let more = TestCluster.requests(requests.count + count).suffix(count)
        requests += more
        let batch = numbering.makeBatch(Array(more))
        return (batch.id, self(.submit(batch)))
    }

    mutating func hear(_ id: ConnectionID, _ message: Message) -> [Action] {
        self(.received(id, message))
    }

    mutating func join(
        _ id: ConnectionID, credits: Int = 1, pictures: Int = 1, instance: UInt8? = nil,
        model: ModelFingerprint? = nil
    ) -> [Action] {
        let greeting = self(.connected(id))
        #expect(Self.types(greeting) == [.hello])
        return hear(
            id,
            .welcome(
                NodeDescription(
                    role: .worker,
                    instance: [UInt8](repeating: instance ?? UInt8(id.rawValue), count: 16),
                    name: "n", build: "b", kernelClass: "hash", coreCount: 1,
                    memoryByteCount: 1, model: model ?? TestCluster.model, credits: credits,
                    pictureCount: pictures)))
    }

    mutating func progress(_ id: ConnectionID, _ lease: Lease, _ step: Int = 0) -> [Action] {
        hear(
            id,
            .progress(ProgressReport(lease: lease, step: step, stepCount: 4, seconds: 1)))
    }

    mutating func result(_ id: ConnectionID, _ lease: Lease, salt: UInt64 = 0) throws -> [Action] {
        hear(id, try resultMessage(lease, salt: salt))
    }

    func resultMessage(_ lease: Lease, salt: UInt64 = 0) throws -> Message {
        var latents = try HashChainGenerator.latents(for: requests[Int(lease.item)])
        latents.values[0] += Float(salt)
        return .result(
            LatentResult(
                lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256)))
    }

    static func sent(_ actions: [Action]) -> [Message] {
        actions.compactMap { if case .send(_, let message) = $0 { message } else { nil } }
    }

    static func types(_ actions: [Action]) -> [MessageType] { sent(actions).map(\.type) }

    static func reports(_ actions: [Action]) -> [CoordinatorEvent] {
        actions.compactMap { if case .report(let event) = $0 { event } else { nil } }
    }

    /// The leases that were just granted, with the connection they went to.
    static func leases(_ actions: [Action]) -> [(id: ConnectionID, lease: Lease)] {
        actions.compactMap { action in
            if case .send(let id, .assign(let lease, _)) = action { (id, lease) } else { nil }
        }
    }
}
