// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// The coordinator's decisions, one at a time.
@Suite struct CoordinatorStateMachineTests {
    typealias Subject = CoordinatorSubject

    @Test func imagesGoOutInPromptOrderLeastLoadedFirst() {
        var subject = Subject(workers: 2, images: 6)
        _ = subject(.start)
        let first = Subject.leases(subject.join(1, credits: 2))
        #expect(first.map(\.lease.item) == [0, 1])
        let second = Subject.leases(subject.join(2, credits: 2))
        #expect(second.map(\.lease.item) == [2, 3])
        #expect(Set((first + second).map(\.lease.token)).count == 4)
    }

    @Test func resultIsAcknowledgedDecodedAndReplacedByNewWork() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let actions = try subject.result(1, lease)
        #expect(Set(Subject.types(actions)) == [.resultAck, .assign])
        #expect(actions.contains { if case .decode = $0 { true } else { false } })
        let second = try #require(Subject.leases(actions).first?.lease)
        let last = try subject.result(1, second)
        // The worker is free as soon as no image needs it, though pictures still wait.
        #expect(Subject.types(last) == [.resultAck, .goodbye])
        #expect(!last.contains(.end))
        #expect(!subject(.consumed(image: 0)).contains(.end))
        #expect(subject(.consumed(image: 1)) == [.end])
        #expect(subject(.tick).isEmpty)
    }

    @Test func backlogStopsNewWork() throws {
        var subject = Subject(workers: 1, images: 5) { $0.decodeBacklogMax = 1 }
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        #expect(Subject.leases(try subject.result(1, lease)).isEmpty)
        #expect(Subject.leases(subject(.consumed(image: 0))).map(\.lease.item) == [1])
    }

    @Test func lostWorkersImagesGoToOthersWithNameAndReason() throws {
        var subject = Subject(workers: 2, images: 3)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease)
        let other = try #require(Subject.leases(subject.join(2)).first?.lease)
        let actions = subject(.disconnected(1, reason: "reset"))
        let failure = FailedAttempt(worker: "w0:7400", attempt: 1, reason: "reset")
        #expect(Subject.reports(actions).contains(.retried(image: 0, failure: failure)))
        #expect(
            Subject.reports(actions).contains(
                .workerLost(worker: "w0:7400", reason: "reset", willRetry: true)))
        #expect(Subject.leases(actions).isEmpty, "it waits half a second")
        subject.now = .milliseconds(500)
        let next = try subject.result(2, other)
        let again = try #require(Subject.leases(next).first)
        #expect(again.lease.item == 0 && again.lease.attempt == 2)
    }

    @Test func imagesThatWereNotBegunAreNotCharged() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let leases = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        _ = subject.progress(1, leases[0])
        let actions = subject(.disconnected(1, reason: "reset"))
        let retried = Subject.reports(actions).compactMap { event -> ImageNumber? in
            if case .retried(let image, _) = event { image } else { nil }
        }
        #expect(retried == [0])
    }

    @Test func threeFailuresEndAnImageWithAllReasons() throws {
        var subject = Subject(workers: 3, images: 1) { $0.tolerance.strikeCountMax = 9 }
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for attempt in 1...3 {
            let (id, lease) = try #require(Subject.leases(actions).first)
            #expect(id == ConnectionID(UInt64(attempt)), "attempts go to distinct workers")
            actions = subject.hear(id, .nak(lease, WireReason(.workerFailed, "no \(attempt)")))
            guard attempt < 3 else { break }
            #expect(Subject.leases(actions).isEmpty, "it waits before it is tried again")
            subject.now += .seconds(attempt)
            actions = subject(.tick)
        }
        guard case .failed(0, let failures) = Subject.reports(actions).last else {
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
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let actions = subject.hear(1, .term(lease, WireReason(.requestInvalid, "72 is odd")))
        let failure = FailedAttempt(worker: "w0:7400", attempt: 1, reason: "72 is odd")
        #expect(Subject.reports(actions).contains(.failed(image: 0, failures: [failure])))
        #expect(Subject.leases(actions).map(\.lease.item) == [1])
    }

    @Test func lateResultsCountOnceAndDifferentOnesRaiseTheAlarm() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let old = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, old)
        _ = subject(.disconnected(1, reason: "cut"))
        #expect(Subject.leases(subject.join(2, credits: 2)).map(\.lease.item) == [1])
        subject.now = .seconds(1)
        let tick = subject(.tick)
        #expect(tick.contains(.connect(3, WorkerAddress(host: "w0"))))
        let new = try #require(Subject.leases(tick).first?.lease)
        #expect(new.item == 0 && new.attempt == 2)
        _ = subject.join(3, instance: 1)
        // The result of the first attempt arrives after all: it fills the slot …
        let late = try subject.result(3, old)
        #expect(Subject.types(late).contains(.resultAck))
        #expect(Subject.sent(late).contains(.cancel(new)))
        #expect(late.contains { if case .decode = $0 { true } else { false } })
        // … and the second is dropped,
        let duplicate = try subject.result(2, new)
        #expect(Subject.types(duplicate).first == .resultAck)
        #expect(!duplicate.contains { if case .decode = $0 { true } else { false } })
        // … unless it differs.
        let different = try subject.result(2, new, salt: 1)
        #expect(
            Subject.reports(different).contains(
                .resultsDiffer(image: 0, worker: "w1:7400", firstWorker: "w0:7400")))
    }

    @Test func latentsOfAWrongSizeAreAFailedAttempt() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let latents = GeneratedLatents(
            channels: 4, height: 3, width: 8, values: [Float](repeating: 0, count: 96))
        let actions = subject.hear(
            1,
            .result(
                LatentResult(
                    lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256))))
        #expect(!actions.contains { if case .decode = $0 { true } else { false } })
        subject.now = .milliseconds(500)
        _ = subject(.tick)
        #expect(Subject.leases(subject.join(2, instance: 1)).first?.lease.attempt == 2)
    }

    @Test func hungWorkersLoseTheirLeases() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease, 1)
        // Heartbeats continue, steps do not: 1 s a step, so the floor of 60 s counts.
        for second in stride(from: 5, through: 55, by: 5) {
            subject.now = .seconds(second)
            _ = subject.hear(1, .pong(1))
            #expect(!subject(.tick).contains { if case .abort = $0 { true } else { false } })
        }
        subject.now = .seconds(60)
        _ = subject.hear(1, .pong(1))
        let failure = FailedAttempt(
            worker: "w0:7400", attempt: 1, reason: "no step progress for 60.0 s")
        let actions = subject(.tick)
        #expect(Subject.sent(actions) == [.cancel(lease)])
        #expect(Subject.reports(actions).contains(.retried(image: 0, failure: failure)))
        // Nothing more for a worker that does not say what became of it …
        subject.now = .seconds(110)
        _ = subject.hear(1, .pong(1))
        #expect(Subject.leases(subject(.tick)).isEmpty)
        // … and after as long again it is cut off.
        subject.now = .seconds(120)
        _ = subject.hear(1, .pong(1))
        #expect(subject(.tick).contains(.abort(1, reason: "no step progress for 60.0 s")))
    }

    @Test func repeatedProgressRenewsNoLease() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        for second in stride(from: 0, through: 50, by: 10) {
            subject.now = .seconds(second)
            _ = subject.progress(1, lease, 1)
        }
        subject.now = .seconds(60)
        _ = subject.hear(1, .pong(1))
        #expect(Subject.sent(subject(.tick)) == [.cancel(lease)])
    }

    @Test func slowWorkersGetThePatienceTheyNeed() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.hear(
            1, .progress(ProgressReport(lease: lease, step: 1, stepCount: 4, seconds: 20)))
        subject.now = .seconds(199)
        _ = subject.hear(1, .pong(1))
        #expect(Subject.sent(subject(.tick)).isEmpty)
        subject.now = .seconds(200)
        _ = subject.hear(1, .pong(1))
        #expect(Subject.sent(subject(.tick)) == [.cancel(lease)])
    }

    @Test func otherModelsAreRefusedOthersGoOn() {
        var subject = Subject(workers: 2, images: 1)
        _ = subject(.start)
        var model = TestCluster.model
        model.textEncoder[0] = 77
        let actions = subject.join(1, model: model)
        #expect(Subject.types(actions) == [.refuse])
        guard case .workerRefused("w0:7400", let reason) = Subject.reports(actions).last else {
            Issue.record("\(actions)")
            return
        }
        #expect(reason.contains("text encoder (or settings) is 4d020202, wanted 02020202"))
        #expect(Subject.leases(subject.join(2)).count == 1)
    }

    @Test func sameWorkerUnderTwoNamesIsUsedOnce() {
        var subject = Subject(workers: 2, images: 4)
        _ = subject(.start)
        _ = subject.join(1, instance: 5)
        let actions = subject.join(2, instance: 5)
        #expect(Subject.types(actions) == [.refuse])
        #expect(Subject.leases(actions).isEmpty)
    }

    @Test func unreachableWorkersAreTriedThreeTimesWithPauses() {
        var subject = Subject(workers: 1, images: 1)
        var actions = subject(.start)
        var pauses: [Duration] = []
        for id in connections(1...3) {
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
        for id in connections(1...4) {
            _ = subject(.connected(id))
            reports += Subject.reports(subject.hear(id, busy))
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
        let first = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        _ = subject.progress(1, first[0])
        let third = try #require(Subject.leases(subject.join(2, credits: 2)).first?.lease)
        // w1 finishes; nothing is pending, but image 1 still waits behind image 0.
        let stolen = try subject.result(2, third)
        #expect(Subject.sent(stolen).contains(.cancel(first[1])))
        let moved = subject.hear(1, .nak(first[1], WireReason(.cancelled, "cancelled")))
        #expect(Subject.leases(moved).map(\.id) == [2])
        #expect(Subject.leases(moved).first?.lease.item == 1)
        #expect(!Subject.reports(moved).contains { if case .retried = $0 { true } else { false } })
    }

    @Test func pausedAndDrainingWorkersGetNothing() throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let reason = WireReason(.workerFailed, "wait", retryAfterMilliseconds: 3000)
        #expect(Subject.leases(subject.hear(1, .nak(lease, reason))).isEmpty)
        subject.now = .seconds(2)
        #expect(Subject.leases(subject(.tick)).isEmpty)
        #expect(subject.machine.nextDeadline == .seconds(3))
        subject.now = .seconds(3)
        let drained = try #require(Subject.leases(subject(.tick)).first?.lease)
        _ = subject.hear(1, .drain(WireReason(.draining, "stopping")))
        let actions = subject.hear(1, .nak(drained, WireReason(.draining, "stopping")))
        #expect(Subject.leases(actions).isEmpty)
        // It holds nothing any more.
        #expect(Subject.types(actions) == [.goodbye])
        // Whoever stopped it may start it again.
        #expect(
            Subject.reports(actions) == [
                .workerLost(worker: "w0:7400", reason: "it was stopped", willRetry: true)
            ])
        subject.now = .seconds(5)
        #expect(subject(.tick).contains { if case .connect(2, _) = $0 { true } else { false } })
        #expect(Subject.leases(subject.join(2)).count == 1)
    }

    /// A machine that reboots takes its time; that it is away is said once.
    @Test func lostWorkersAreTriedForAsLongAsOthersWork() throws {
        var subject = Subject(workers: 2, images: 9)
        _ = subject(.start)
        _ = subject.join(1)
        _ = subject.join(2)
        var reports = Subject.reports(subject(.disconnected(2, reason: "no route")))
        for id in connections(3...60) {
            subject.now += .seconds(10)
            _ = subject.hear(1, .pong(1))
            let actions = subject(.tick)
            #expect(actions.contains { if case .connect(id, _) = $0 { true } else { false } })
            reports += Subject.reports(subject(.connectFailed(id, reason: "no route")))
        }
        let losses = reports.filter { if case .workerLost = $0 { true } else { false } }
        #expect(losses == [.workerLost(worker: "w1:7400", reason: "no route", willRetry: true)])
        // When the other one does not come back either, no worker is left.
        _ = subject(.disconnected(1, reason: "no route"))
        var gone: [CoordinatorEvent] = []
        while gone.count < 2, subject.now < .seconds(1000) {
            subject.now += .seconds(10)
            for case .connect(let id, _) in subject(.tick) {
                gone += Subject.reports(subject(.connectFailed(id, reason: "no route"))).filter {
                    if case .workerLost(_, _, willRetry: false) = $0 { true } else { false }
                }
            }
        }
        #expect(gone.count == 2 && subject.now < .seconds(58 * 10 + 200))
    }

    /// It comes back as another process, which ended nothing and failed nothing.
    @Test func anOrderlyGoodbyeIsNoOnesFault() throws {
        var subject = Subject(workers: 1, images: 1) { $0.tolerance.killCountMax = 1 }
        _ = subject(.start)
        for id in connections(1...4) {
            let lease = try #require(Subject.leases(subject.join(id)).first?.lease)
            _ = subject.progress(id, lease, 2)
            let actions = subject.hear(id, .goodbye(WireReason(.draining, "stopping")))
            #expect(
                !Subject.reports(actions).contains {
                    if case .workerQuarantined = $0 { true } else { false }
                })
            subject.now += .seconds(60)
            _ = subject(.tick)
        }
        #expect(subject.failures.isEmpty)
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
                    lease: Lease(item: 900, attempt: 1, token: 1),
                    sampled: SampledImage(latents: latents, sha256: latents.sha256))))
        #expect(Subject.types(actions) == [.goodbye])
        #expect(Subject.types(subject.hear(1, .ping(1))).isEmpty)
    }

    @Test func invalidRequestsNeverReachAWorker() {
        var requests = TestCluster.requests(1)
        requests[0].prompt = String(repeating: "x", count: 70_000)
        var machine = CoordinatorStateMachine(
            node: coordinatorNode(), configuration: TestCluster.coordinatorConfiguration(),
            workers: [WorkerAddress(host: "w0")], mint: TestCluster.mint())
        var numbering = BatchNumbering()
        let batch = numbering.makeBatch(requests)
        let actions =
            machine.handle(.submit(batch), now: .zero) + machine.handle(.start, now: .zero)
        #expect(!actions.contains { if case .connect = $0 { true } else { false } })
        #expect(actions.last == .end)
        let failed = CoordinatorSubject.reports(actions)
        guard case .failed(0, let reasons) = failed.first else {
            Issue.record("\(failed)")
            return
        }
        #expect(reasons[0].reason.contains("70000 bytes"))
    }
}
