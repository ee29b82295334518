// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import GenerationTypes
import Testing
import WireProtocol

/// The coordinator's decisions, one at a time.
@Suite struct CoordinatorStateMachineTests {
    typealias Action = CoordinatorStateMachine.Action

    /// A machine with workers w0, w1, …; their first connections are 1, 2, ….
    struct Subject {
        var machine: CoordinatorStateMachine
        var now = Duration.zero
        let requests: [GenerationRequest]

        init(
            workers: Int = 2, images: Int = 4,
            _ configure: (inout CoordinatorConfiguration) -> Void = { _ in }
        ) {
            var configuration = TestCluster.coordinatorConfiguration()
            configuration.timeouts = ClusterTimeouts()
            configure(&configuration)
            requests = TestCluster.requests(images)
            machine = CoordinatorStateMachine(
                node: coordinatorNode(), configuration: configuration,
                workers: (0..<workers).map { WorkerAddress(host: "w\($0)") }, requests: requests)
        }

        mutating func callAsFunction(_ event: CoordinatorStateMachine.Event) -> [Action] {
            defer { #expect(machine.brokenInvariant() == nil) }
            return machine.handle(event, now: now)
        }

        mutating func hear(_ id: UInt64, _ message: Message) -> [Action] {
            self(.received(id, message))
        }

        mutating func join(
            _ id: UInt64, credits: Int = 1, instance: UInt8? = nil, model: ModelFingerprint? = nil
        ) -> [Action] {
            let greeting = self(.connected(id))
            #expect(CoordinatorStateMachineTests.types(greeting) == [.hello])
            return hear(
                id,
                .welcome(
                    NodeDescription(
                        role: .worker,
                        instance: [UInt8](repeating: instance ?? UInt8(id), count: 16),
                        name: "n", build: "b", kernelClass: "hash", coreCount: 1,
                        memoryByteCount: 1, model: model ?? TestCluster.model, credits: credits)))
        }

        mutating func progress(_ id: UInt64, _ lease: Lease, _ step: Int = 0) -> [Action] {
            hear(
                id,
                .progress(ProgressReport(lease: lease, step: step, stepCount: 4, seconds: 1)))
        }

        mutating func result(_ id: UInt64, _ lease: Lease, salt: UInt64 = 0) throws -> [Action] {
            var latents = try HashChainGenerator.latents(for: requests[Int(lease.item)])
            latents.values[0] += Float(salt)
            return hear(
                id,
                .result(
                    LatentResult(
                        lease: lease, latents: latents, timings: GenerationTimings(),
                        sha256: latents.sha256)))
        }
    }

    static func sent(_ actions: [Action]) -> [Message] {
        actions.compactMap { if case .send(_, let message) = $0 { message } else { nil } }
    }

    static func types(_ actions: [Action]) -> [MessageType] { sent(actions).map(\.type) }

    static func reports(_ actions: [Action]) -> [CoordinatorEvent] {
        actions.compactMap { if case .report(let event) = $0 { event } else { nil } }
    }

    /// The leases that were just granted, with the connection they went to.
    static func leases(_ actions: [Action]) -> [(id: UInt64, lease: Lease)] {
        actions.compactMap { action in
            if case .send(let id, .assign(let lease, _)) = action { (id, lease) } else { nil }
        }
    }

    @Test func imagesGoOutInPromptOrderLeastLoadedFirst() {
        var subject = Subject(workers: 2, images: 6)
        _ = subject(.start)
        let first = Self.leases(subject.join(1, credits: 2))
        #expect(first.map(\.lease.item) == [0, 1])
        let second = Self.leases(subject.join(2, credits: 2))
        #expect(second.map(\.lease.item) == [2, 3])
        #expect((first + second).map(\.lease.token) == [1, 2, 3, 4])
    }

    @Test func resultIsAcknowledgedDecodedAndReplacedByNewWork() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        let actions = try subject.result(1, lease)
        #expect(Self.types(actions) == [.resultAck, .assign])
        #expect(actions.contains { if case .decode = $0 { true } else { false } })
        let second = try #require(Self.leases(actions).first?.lease)
        let last = try subject.result(1, second)
        // The worker is free as soon as no image needs it, though pictures still wait.
        #expect(Self.types(last) == [.resultAck, .goodbye])
        #expect(!last.contains(.end))
        #expect(!subject(.consumed(item: 0)).contains(.end))
        #expect(subject(.consumed(item: 1)) == [.end])
        #expect(subject(.tick).isEmpty)
    }

    @Test func backlogStopsNewWork() throws {
        var subject = Subject(workers: 1, images: 5) { $0.decodeBacklogMax = 1 }
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        #expect(Self.leases(try subject.result(1, lease)).isEmpty)
        #expect(Self.leases(subject(.consumed(item: 0))).map(\.lease.item) == [1])
    }

    @Test func lostWorkersImagesGoToOthersWithNameAndReason() throws {
        var subject = Subject(workers: 2, images: 3)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease)
        _ = subject.join(2)
        let actions = subject(.disconnected(1, reason: "reset"))
        let failure = AttemptFailure(worker: "w0:7400", attempt: 1, reason: "reset")
        #expect(Self.reports(actions).contains(.retried(item: 0, failure: failure)))
        #expect(
            Self.reports(actions).contains(
                .workerLost(worker: "w0:7400", reason: "reset", willRetry: true)))
        let next = try subject.result(2, Lease(item: 1, attempt: 1, token: 2))
        let again = try #require(Self.leases(next).first)
        #expect(again.lease == Lease(item: 0, attempt: 2, token: 3))
    }

    @Test func imagesThatWereNotBegunAreNotCharged() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        _ = subject.join(1, credits: 2)
        _ = subject.progress(1, Lease(item: 0, attempt: 1, token: 1))
        let actions = subject(.disconnected(1, reason: "reset"))
        let retried = Self.reports(actions).compactMap { event -> Int? in
            if case .retried(let item, _) = event { item } else { nil }
        }
        #expect(retried == [0])
    }

    @Test func threeFailuresEndAnImageWithAllReasons() throws {
        var subject = Subject(workers: 3, images: 1) { $0.workerFailureCountMax = 9 }
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for attempt in 1...3 {
            let (id, lease) = try #require(Self.leases(actions).first)
            #expect(id == UInt64(attempt), "attempts go to distinct workers")
            actions = subject.hear(id, .nak(lease, WireReason(.workerFailed, "no \(attempt)")))
        }
        guard case .failed(0, let failures) = Self.reports(actions).last else {
            Issue.record("\(actions)")
            return
        }
        #expect(failures.map(\.reason) == ["no 1", "no 2", "no 3"])
        #expect(failures.map(\.worker) == ["w0:7400", "w1:7400", "w2:7400"])
        #expect(actions.last == .end)
    }

    @Test func terminatedImagesAreNotTriedAgain() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        let actions = subject.hear(1, .term(lease, WireReason(.requestInvalid, "72 is odd")))
        let failure = AttemptFailure(worker: "w0:7400", attempt: 1, reason: "72 is odd")
        #expect(Self.reports(actions).contains(.failed(item: 0, failures: [failure])))
        #expect(Self.leases(actions).map(\.lease.item) == [1])
    }

    @Test func lateResultsCountOnceAndDifferentOnesRaiseTheAlarm() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let old = try #require(Self.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, old)
        _ = subject(.disconnected(1, reason: "cut"))
        let new = try #require(Self.leases(subject.join(2)).first?.lease)
        #expect(new.item == 0)
        subject.now = .seconds(1)
        #expect(subject(.tick).contains(.connect(3, WorkerAddress(host: "w0"))))
        _ = subject.join(3)
        // The result of the first attempt arrives after all: it fills the slot …
        let late = try subject.result(3, old)
        #expect(Self.types(late).contains(.resultAck))
        #expect(Self.sent(late).contains(.cancel(new)))
        #expect(late.contains { if case .decode = $0 { true } else { false } })
        // … and the second is dropped,
        let duplicate = try subject.result(2, new)
        #expect(Self.types(duplicate).first == .resultAck)
        #expect(!duplicate.contains { if case .decode = $0 { true } else { false } })
        // … unless it differs.
        let different = try subject.result(2, new, salt: 1)
        #expect(
            Self.reports(different).contains(
                .resultsDiffer(item: 0, worker: "w1:7400", firstWorker: "w0:7400")))
    }

    @Test func latentsOfAWrongSizeAreAFailedAttempt() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        let latents = GeneratedLatents(
            channels: 4, height: 3, width: 8, values: [Float](repeating: 0, count: 96))
        let actions = subject.hear(
            1,
            .result(
                LatentResult(
                    lease: lease, latents: latents, timings: GenerationTimings(),
                    sha256: latents.sha256)))
        #expect(!actions.contains { if case .decode = $0 { true } else { false } })
        #expect(Self.leases(actions).first?.lease.attempt == 2)
    }

    @Test func hungWorkersLoseTheirLeases() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease, 1)
        // Heartbeats go on, steps do not: 1 s a step, so the floor of 60 s counts.
        for second in stride(from: 5, through: 55, by: 5) {
            subject.now = .seconds(second)
            _ = subject.hear(1, .pong(1))
            #expect(!subject(.tick).contains { if case .abort = $0 { true } else { false } })
        }
        subject.now = .seconds(60)
        _ = subject.hear(1, .pong(1))
        let actions = subject(.tick)
        #expect(actions.contains(.abort(1, reason: "no step progress for 60.0 s")))
    }

    @Test func slowWorkersGetThePatienceTheyNeed() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        _ = subject.hear(
            1, .progress(ProgressReport(lease: lease, step: 1, stepCount: 4, seconds: 20)))
        subject.now = .seconds(199)
        _ = subject.hear(1, .pong(1))
        #expect(!subject(.tick).contains { if case .abort = $0 { true } else { false } })
        subject.now = .seconds(200)
        _ = subject.hear(1, .pong(1))
        #expect(subject(.tick).contains { if case .abort = $0 { true } else { false } })
    }

    @Test func otherModelsAreRefusedOthersGoOn() {
        var subject = Subject(workers: 2, images: 1)
        _ = subject(.start)
        var model = TestCluster.model
        model.textEncoder[0] = 77
        let actions = subject.join(1, model: model)
        #expect(Self.types(actions) == [.refuse])
        guard case .workerRefused("w0:7400", let reason) = Self.reports(actions).last else {
            Issue.record("\(actions)")
            return
        }
        #expect(reason.contains("text encoder is 4d020202, wanted 02020202"))
        #expect(Self.leases(subject.join(2)).count == 1)
    }

    @Test func sameWorkerUnderTwoNamesIsUsedOnce() {
        var subject = Subject(workers: 2, images: 4)
        _ = subject(.start)
        _ = subject.join(1, instance: 5)
        let actions = subject.join(2, instance: 5)
        #expect(Self.types(actions) == [.refuse])
        #expect(Self.leases(actions).isEmpty)
    }

    @Test func unreachableWorkersAreTriedThreeTimesWithPauses() {
        var subject = Subject(workers: 1, images: 1)
        var actions = subject(.start)
        var pauses: [Duration] = []
        for id in UInt64(1)...3 {
            #expect(actions.contains(.connect(id, WorkerAddress(host: "w0"))))
            actions = subject(.connectFailed(id, reason: "refused"))
            guard let deadline = subject.machine.nextDeadline else { break }
            pauses.append(deadline - subject.now)
            subject.now = deadline
            actions = subject(.tick)
        }
        #expect(pauses == [.milliseconds(500), .seconds(1)])
        #expect(actions.last == .end)
        #expect(subject.machine.ranOutOfWorkers)
        #expect(subject.machine.lostWorkers == ["w0:7400: refused"])
    }

    @Test func busyWorkersAreAskedAgainButNotForEver() {
        var subject = Subject(workers: 1, images: 1) { $0.timeouts.busyMax = .seconds(10) }
        _ = subject(.start)
        let busy = Message.refuse(WireReason(.busy, "busy", retryAfterMilliseconds: 4000))
        var reports: [CoordinatorEvent] = []
        for id in UInt64(1)...4 {
            _ = subject(.connected(id))
            reports += Self.reports(subject.hear(id, busy))
            guard let deadline = subject.machine.nextDeadline else { break }
            subject.now = deadline
            _ = subject(.tick)
        }
        #expect(reports.first == .workerBusy(worker: "w0:7400", reason: "busy"))
        #expect(reports.contains(.workerRefused(worker: "w0:7400", reason: "busy")))
        #expect(subject.machine.ranOutOfWorkers)
    }

    @Test func idleWorkerTakesWhatWaitsBehindAnother() throws {
        var subject = Subject(workers: 2, images: 3)
        _ = subject(.start)
        let first = Self.leases(subject.join(1, credits: 2)).map(\.lease)
        _ = subject.progress(1, first[0])
        let third = try #require(Self.leases(subject.join(2, credits: 2)).first?.lease)
        // w1 finishes; nothing is pending, but image 1 still waits behind image 0.
        let stolen = try subject.result(2, third)
        #expect(Self.sent(stolen).contains(.cancel(first[1])))
        let moved = subject.hear(1, .nak(first[1], WireReason(.cancelled, "cancelled")))
        #expect(Self.leases(moved).map(\.id) == [2])
        #expect(Self.leases(moved).first?.lease.item == 1)
        #expect(!Self.reports(moved).contains { if case .retried = $0 { true } else { false } })
    }

    @Test func pausedAndDrainingWorkersGetNothing() throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        let lease = try #require(Self.leases(subject.join(1)).first?.lease)
        let reason = WireReason(.workerFailed, "wait", retryAfterMilliseconds: 3000)
        #expect(Self.leases(subject.hear(1, .nak(lease, reason))).isEmpty)
        #expect(subject.machine.nextDeadline == .seconds(3))
        subject.now = .seconds(3)
        #expect(Self.leases(subject(.tick)).count == 1)
        let drained = Lease(item: 0, attempt: 2, token: 2)
        _ = subject.hear(1, .drain(WireReason(.draining, "stopping")))
        let actions = subject.hear(1, .nak(drained, WireReason(.draining, "stopping")))
        #expect(Self.leases(actions).isEmpty)
        let gone = subject.hear(1, .goodbye(WireReason(.draining, "drained")))
        #expect(gone.last == .end)
    }

    @Test func messagesOfAnotherRunBreakTheConnection() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        _ = subject.join(1)
        let latents = GeneratedLatents(channels: 1, height: 1, width: 1, values: [0])
        let actions = subject.hear(
            1,
            .result(
                LatentResult(
                    lease: Lease(item: 900, attempt: 1, token: 1), latents: latents,
                    timings: GenerationTimings(), sha256: latents.sha256)))
        #expect(Self.types(actions) == [.goodbye])
        #expect(Self.types(subject.hear(1, .ping(1))).isEmpty)
    }

    @Test func invalidRequestsNeverReachAWorker() {
        var requests = TestCluster.requests(1)
        requests[0].prompt = String(repeating: "x", count: 70_000)
        var machine = CoordinatorStateMachine(
            node: coordinatorNode(), configuration: TestCluster.coordinatorConfiguration(),
            workers: [WorkerAddress(host: "w0")], requests: requests)
        let actions = machine.handle(.start, now: .zero)
        #expect(!actions.contains { if case .connect = $0 { true } else { false } })
        #expect(actions.last == .end)
        #expect(machine.failures[0]?[0].reason.contains("70000 bytes") == true)
    }
}
