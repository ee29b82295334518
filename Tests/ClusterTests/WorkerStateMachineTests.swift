// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import Testing
import WireProtocol
import Worker

/// The worker's decisions, one at a time.
@Suite struct WorkerStateMachineTests {
    typealias Action = WorkerStateMachine.Action

    static let requests = TestCluster.requests(8)

    /// A machine, and short ways to talk to it.
    struct Subject {
        var machine: WorkerStateMachine
        var now = Duration.zero

        init(credits: Int = 2, pictures: Int = 1) {
            machine = WorkerStateMachine(
                node: NodeDescription(
                    role: .worker, instance: [UInt8](repeating: 99, count: 16), name: "worker",
                    build: "test", kernelClass: "hash", coreCount: 1, memoryByteCount: 1,
                    model: TestCluster.model, credits: credits, pictureCount: pictures))
        }

        mutating func callAsFunction(_ event: WorkerStateMachine.Event) -> [Action] {
            machine.handle(event, now: now)
        }

        /// Connects and greets.
        @discardableResult
        mutating func greet(_ id: UInt64, instance: UInt8 = 1) -> [Action] {
            let opened = self(.connected(id, peer: "peer"))
            return opened + self(.received(id, .hello(coordinatorNode(instance: instance))))
        }

        mutating func assign(_ id: UInt64, item: Int, attempt: Int = 1) -> [Action] {
            self(.received(id, .assign(lease(item, attempt), requests[item])))
        }

        mutating func finish(_ job: UInt64, resumedStep: Int = 0) -> [Action] {
            let latents = GeneratedLatents(channels: 1, height: 1, width: 1, values: [1])
            return self(
                .finished(
                    job,
                    SampledImage(
                        latents: latents, sha256: latents.sha256, resumedStep: resumedStep)))
        }
    }

    static func lease(_ item: Int, _ attempt: Int = 1) -> Lease {
        Lease(item: UInt32(item), attempt: attempt, token: UInt64(item * 10 + attempt))
    }

    static func sent(_ actions: [Action]) -> [Message] {
        actions.compactMap { if case .send(_, let message) = $0 { message } else { nil } }
    }

    static func types(_ actions: [Action]) -> [MessageType] { sent(actions).map(\.type) }

    @Test func greetingIsAnsweredWithWelcome() {
        var subject = Subject()
        #expect(Self.types(subject.greet(1)) == [.welcome])
        #expect(Self.types(subject(.received(1, .hello(coordinatorNode())))) == [.goodbye])
    }

    @Test func nothingGoesBeforeTheGreeting() {
        var subject = Subject()
        _ = subject(.connected(1, peer: "peer"))
        let actions = subject.assign(1, item: 0)
        #expect(Self.types(actions) == [.refuse])
        #expect(actions.contains(.finish(1)))
        // What still arrives on a closing connection is ignored.
        #expect(subject.assign(1, item: 0).isEmpty)
    }

    @Test func imagesAreSampledOneByOneAndKeptUntilAcknowledged() {
        var subject = Subject()
        subject.greet(1)
        let first = subject.assign(1, item: 0)
        #expect(first.contains(.begin(1, Self.requests[0], Preparation())))
        #expect(Self.types(first) == [.progress])
        #expect(subject.assign(1, item: 1).isEmpty)
        #expect(subject.machine.heldCount == 2)
        let done = subject.finish(1)
        #expect(Self.types(done) == [.result, .progress])
        #expect(done.contains(.begin(2, Self.requests[1], Preparation())))
        #expect(subject.machine.keptCount == 1)
        let confirmed = subject(.received(1, .resultAck(Self.lease(0))))
        #expect(Self.sent(confirmed) == [.ackConfirm(Self.lease(0))])
        #expect(subject.machine.keptCount == 0)
    }

    @Test func creditsAreEnforced() {
        var subject = Subject(credits: 2)
        subject.greet(1)
        for item in 0..<2 { _ = subject.assign(1, item: item) }
        guard case .nak(_, let reason) = Self.sent(subject.assign(1, item: 2)).first else {
            Issue.record("no NAK")
            return
        }
        #expect(reason.code == .overCredit)
        #expect(subject.machine.heldCount == 2)
    }

    @Test func impossibleRequestsAreTerminatedBeforeTheyWait() {
        var subject = Subject()
        subject.greet(1)
        var request = Self.requests[0]
        request.width = 100_000
        let actions = subject(.received(1, .assign(Self.lease(0), request)))
        guard case .term(_, let reason) = Self.sent(actions).first else {
            Issue.record("no TERM")
            return
        }
        #expect(reason.code == .requestInvalid)
        #expect(reason.text.contains("100000"))
    }

    @Test func failuresAreGivenBackByTheirKind() {
        var subject = Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        let nak = subject(.failed(1, WireReason(.workerFailed, "out of memory")))
        #expect(Self.types(nak) == [.nak])
        _ = subject.assign(1, item: 1)
        let term = subject(.failed(2, WireReason(.nonFiniteLatents, "NaN at step 3")))
        #expect(Self.types(term) == [.term])
    }

    @Test func secondCoordinatorIsBusyUntilTheFirstHasGone() {
        var subject = Subject()
        subject.greet(1)
        guard case .refuse(let reason) = Self.sent(subject.greet(2, instance: 2)).first else {
            Issue.record("not refused")
            return
        }
        #expect(reason.code == .busy)
        #expect(reason.retryAfterMilliseconds > 0)
        _ = subject.assign(1, item: 0)
        let goodbye = subject(.received(1, .goodbye(WireReason(.finished, "bye"))))
        #expect(goodbye.contains(.cancel(1)))
        #expect(Self.types(subject.greet(3, instance: 2)) == [.welcome])
        // The thread is still busy with the last step of the old image.
        #expect(
            !subject.assign(3, item: 1).contains { if case .begin = $0 { true } else { false } })
        let freed = subject(.failed(1, WireReason(.cancelled, "cancelled")))
        #expect(freed.contains(.begin(2, Self.requests[1], Preparation())))
        #expect(Self.types(freed) == [.progress])
    }

    @Test func sameRunReplacesItsDeadConnection() {
        var subject = Subject()
        subject.greet(1)
        let actions = subject.greet(2, instance: 1)
        #expect(actions.contains(.abort(1, reason: "it connected anew")))
        #expect(Self.types(actions) == [.welcome])
        #expect(subject(.disconnected(1, reason: "late")).isEmpty)
        #expect(Self.types(subject.assign(2, item: 0)) == [.progress])
    }

    @Test func lostCoordinatorFindsItsWorkAgain() {
        var subject = Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        _ = subject.assign(1, item: 1)
        _ = subject.finish(1)
        _ = subject(.disconnected(1, reason: "cut"))
        _ = subject(.stepped(2, step: 2, stepCount: 4, seconds: 1))
        let again = subject.greet(2, instance: 1)
        #expect(Self.types(again) == [.welcome, .result, .progress])
        // A new lease for what runs or is done is put on it; nothing is sampled twice.
        let adopted = subject.assign(2, item: 1, attempt: 2)
        #expect(Self.types(adopted) == [.progress])
        #expect(Self.sent(adopted).first?.lease == Self.lease(1, 2))
        let resent = subject.assign(2, item: 0, attempt: 2)
        #expect(Self.sent(resent).first?.lease == Self.lease(0, 2))
        #expect(Self.types(resent) == [.result])
        #expect(Self.sent(subject.finish(2)).first?.lease == Self.lease(1, 2))
    }

    @Test func otherCoordinatorEndsAnOrphanedImage() {
        var subject = Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        _ = subject(.disconnected(1, reason: "cut"))
        #expect(subject.greet(2, instance: 2).contains(.cancel(1)))
        let actions = subject.finish(1)
        #expect(Self.types(actions).isEmpty)
        #expect(subject.machine.keptCount == 0)
    }

    @Test func cancelReachesWaitingAndRunningImages() {
        var subject = Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        _ = subject.assign(1, item: 1)
        #expect(Self.types(subject(.received(1, .cancel(Self.lease(1))))) == [.nak])
        let running = subject(.received(1, .cancel(Self.lease(0))))
        #expect(running.contains(.cancel(1)))
        #expect(Self.types(running).isEmpty)
        let stopped = subject(.failed(1, WireReason(.cancelled, "cancelled")))
        // It is no fault: it is reported as what it is.
        #expect(stopped.contains(.report(.imageCancelled(item: 0, attempt: 1))))
        #expect(Self.types(stopped) == [.nak])
        // An unknown lease is answered too, so that the coordinator gets its credit back.
        #expect(Self.types(subject(.received(1, .cancel(Self.lease(5))))) == [.nak])
    }

    @Test func resultsThatNobodyAcknowledgesPauseTheWork() {
        var subject = Subject(credits: 1)
        subject.greet(1)
        var begun = 0
        for item in 0..<8 {
            let actions = subject.assign(1, item: item)
            guard actions.contains(.begin(UInt64(item + 1), Self.requests[item], Preparation()))
            else { break }
            begun += 1
            _ = subject.finish(UInt64(item + 1))
        }
        #expect(begun == 3)
        let resumed = subject(.received(1, .resultAck(Self.lease(0))))
        #expect(resumed.contains(.begin(4, Self.requests[3], Preparation())))
    }

    @Test func drainFinishesWhatRuns() {
        var subject = Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        _ = subject.assign(1, item: 1)
        #expect(Self.types(subject(.drain)) == [.drain, .nak])
        #expect(Self.types(subject.assign(1, item: 2)) == [.nak])
        #expect(Self.types(subject.finish(1)) == [.result])
        let end = subject(.received(1, .resultAck(Self.lease(0))))
        #expect(Self.types(end) == [.ackConfirm, .goodbye])
        #expect(end.last == .stop)
        #expect(subject(.tick).isEmpty)
    }

    @Test func coordinatorsDrainEndsOnlyItsConnection() {
        var subject = Subject()
        subject.greet(1)
        let actions = subject(.received(1, .drain(WireReason(.draining, "enough"))))
        #expect(Self.types(actions) == [.goodbye])
        #expect(!actions.contains(.stop))
        #expect(Self.types(subject.greet(2, instance: 2)) == [.welcome])
    }

    @Test func aSilentPeerIsPingedThenDisconnected() throws {
        var subject = Subject()
        subject.greet(1)
        let timeouts = ClusterTimeouts()
        subject.now = try #require(subject.machine.nextDeadline)
        #expect(subject.now == timeouts.pingInterval)
        #expect(Self.types(subject(.tick)) == [.ping])
        #expect(Self.types(subject(.tick)).isEmpty)
        subject.now += .seconds(1)
        _ = subject(.received(1, .pong(5)))
        #expect(subject.machine.nextDeadline == subject.now + timeouts.pingInterval)
        subject.now += timeouts.idle
        let actions = subject(.tick)
        #expect(actions.contains { if case .abort(1, _) = $0 { true } else { false } })
        #expect(subject.machine.nextDeadline == nil)
    }

    @Test func strangersHearNothingDamagedPeersAReason() {
        var subject = Subject()
        _ = subject(.connected(1, peer: "browser"))
        let stranger = subject(.malformed(1, .stranger(.http)))
        #expect(Self.types(stranger).isEmpty)
        #expect(stranger.contains(.finish(1)))
        subject.greet(2)
        #expect(Self.types(subject(.malformed(2, .headerChecksumMismatch))) == [.goodbye])
        #expect(Self.types(subject.greet(3, instance: 2)) == [.welcome])
    }
}

private var requests: [GenerationRequest] { WorkerStateMachineTests.requests }

private func lease(_ item: Int, _ attempt: Int) -> Lease {
    WorkerStateMachineTests.lease(item, attempt)
}
