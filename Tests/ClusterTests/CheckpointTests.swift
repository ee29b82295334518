// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import Synchronization
import TestSupport
import Testing
import WireProtocol
import Worker

/// The coordinator's part in going on where a lost worker was.
@Suite struct CoordinatorCheckpointTests {
    typealias Subject = CoordinatorSubject

    private static func checkpoint(_ step: Int, _ kernelClass: String = "hash")
        -> SamplingCheckpoint
    {
        SamplingCheckpoint(step: step, kernelClass: kernelClass, bytes: [UInt8(step)])
    }

    private static func preparations(_ actions: [Subject.Action]) -> [Preparation] {
        Subject.sent(actions).compactMap {
            if case .prepare(_, let preparation) = $0 { preparation } else { nil }
        }
    }

    /// One worker that has begun image 0, done `step` steps and saved the last.
    private static func begun(
        step: Int = 2, workers: Int = 2, resumed: ResumedRun = ResumedRun()
    ) throws -> (subject: Subject, lease: Lease, actions: [Subject.Action]) {
        var subject = Subject(workers: workers, images: 1, resumed: resumed) {
            $0.checkpoints = .every(2)
        }
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        for step in 0...step { _ = subject.progress(1, lease, step) }
        let actions = subject.hear(1, .checkpoint(lease, checkpoint(step)))
        return (subject, lease, actions)
    }

    @Test func theNextWorkerResumesFromTheCheckpoint() throws {
        var (subject, lease, kept) = try Self.begun()
        #expect(kept == [.keep(image: 0, Self.checkpoint(2))])
        // An older one, one of no lease, and one of steps that were not done change nothing.
        #expect(subject.hear(1, .checkpoint(lease, Self.checkpoint(1))).isEmpty)
        #expect(subject.hear(1, .checkpoint(lease, Self.checkpoint(3))).isEmpty)
        let stranger = Lease(item: 0, attempt: 1, token: 99)
        let closed = subject.hear(1, .checkpoint(stranger, Self.checkpoint(3)))
        #expect(Subject.types(closed) == [.goodbye])
        #expect(!closed.contains { if case .keep = $0 { true } else { false } })

        subject.now = .milliseconds(500)
        let actions = subject.join(2)
        #expect(
            Self.preparations(actions)
                == [Preparation(checkpointInterval: 2, checkpoint: Self.checkpoint(2))])
        #expect(Array(Subject.types(actions).suffix(2)) == [.prepare, .assign])
        let second = try #require(Subject.leases(actions).first?.lease)
        _ = subject.progress(2, second, 0)
        let resumed = Subject.reports(subject.progress(2, second, 2))
        #expect(resumed.first == .resumed(image: 0, worker: "w1:7400", step: 2))
        #expect(Subject.reports(subject.progress(2, second, 3)).count == 1)
    }

    @Test func otherKernelsAndOlderProtocolsRestartTheImage() throws {
        var (subject, _, _) = try Self.begun(workers: 3)
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now = .milliseconds(500)
        _ = subject(.connected(2))
        var node = NodeDescription(
            role: .worker, instance: [UInt8](repeating: 2, count: 16), name: "n", build: "b",
            kernelClass: "other", coreCount: 1, memoryByteCount: 1, model: TestCluster.model,
            credits: 1)
        let other = subject.hear(2, .welcome(node))
        #expect(Self.preparations(other) == [Preparation(checkpointInterval: 2)])

        _ = subject(.disconnected(2, reason: "reset"))
        _ = subject(.connected(3))
        node.instance[0] = 3
        node.kernelClass = "hash"
        node.protocolMinor = 0
        let old = subject.hear(3, .welcome(node))
        #expect(Subject.types(old) == [.assign])
    }

    /// A checkpoint that led to no step is not tried again; one that did is.
    @Test func aCheckpointThatLeadsNowhereIsDropped() throws {
        for stepsDone in [2, 3] {
            var (subject, _, _) = try Self.begun(workers: 3)
            _ = subject(.disconnected(1, reason: "reset"))
            subject.now = .milliseconds(500)
            let second = try #require(Subject.leases(subject.join(2)).first?.lease)
            for step in [0, 2, stepsDone] { _ = subject.progress(2, second, step) }
            _ = subject.hear(2, .nak(second, WireReason(.workerFailed, "out of memory")))
            _ = subject.join(3)
            subject.now = .seconds(5)
            let preparation = Self.preparations(subject(.tick)).first
            #expect(preparation != nil)
            #expect(preparation?.checkpoint == (stepsDone == 2 ? nil : Self.checkpoint(2)))
        }
    }

    /// NaN ends an image at once, unless it may have come from a checkpoint.
    @Test func notANumberFromACheckpointRestartsTheImage() throws {
        var (subject, _, _) = try Self.begun(workers: 3)
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now = .milliseconds(500)
        let second = try #require(Subject.leases(subject.join(2)).first?.lease)
        for step in [0, 2, 3] { _ = subject.progress(2, second, step) }
        let nan = WireReason(.nonFiniteLatents, "not a number")
        #expect(subject.failures.isEmpty)
        _ = subject.hear(2, .term(second, nan))
        #expect(subject.failures.isEmpty)
        _ = subject.join(3)
        subject.now = .seconds(5)
        let actions = subject(.tick)
        #expect(Self.preparations(actions) == [Preparation(checkpointInterval: 2)])
        let third = try #require(Subject.leases(actions).first?.lease)
        _ = subject.hear(3, .term(third, nan))
        #expect(subject.failures.keys.sorted() == [0])
    }

    @Test func aResumedRunResumesFromStoredCheckpoints() throws {
        let resumed = ResumedRun(session: 2, checkpoints: [0: Self.checkpoint(3)])
        var subject = Subject(workers: 1, images: 1, resumed: resumed)
        _ = subject(.start)
        #expect(
            Self.preparations(subject.join(1)) == [Preparation(checkpoint: Self.checkpoint(3))])
    }

    /// Images whose bytes differ between two workers: no worker resumes what either began.
    @Test func checkpointsOfASuspectAreDropped() throws {
        var subject = Subject(workers: 3, images: 3) { $0.checkpoints = .every(1) }
        _ = subject(.start)
        let first = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        _ = subject.progress(1, first[0], 1)
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now = .seconds(1)
        let second = Subject.leases(subject.join(2, credits: 2)).map(\.lease)
        #expect(second.map(\.item) == [0, 1])
        _ = try subject.result(2, second[0])
        _ = subject.progress(2, second[1], 1)
        _ = subject.hear(2, .checkpoint(second[1], Self.checkpoint(1)))
        // The first worker comes back with other latents for image 0.
        subject.now = .seconds(2)
        _ = subject(.tick)
        let again: ConnectionID = 4
        _ = subject.join(again, instance: 1)
        _ = try subject.result(again, first[0], salt: 1)
        _ = subject(.disconnected(2, reason: "reset"))
        subject.now = .seconds(4)
        let third = subject.join(3, credits: 2)
        #expect(Subject.leases(third).contains { $0.lease.item == 1 })
        #expect(Self.preparations(third).allSatisfy { $0.checkpoint == nil })
    }

    @Test func theIntervalFollowsTheStepTime() {
        func interval(_ seconds: Double?) -> Int {
            var subject = Subject(workers: 1, images: 2) { $0.checkpoints = .automatic }
            _ = subject(.start)
            let first = subject.join(1, credits: 1)
            guard let seconds, let lease = Subject.leases(first).first?.lease else {
                return Self.preparations(first).first?.checkpointInterval ?? 0
            }
            _ = subject.hear(
                1,
                .progress(ProgressReport(lease: lease, step: 1, stepCount: 4, seconds: seconds)))
            let next = (try? subject.result(1, lease)) ?? []
            return Self.preparations(next).first?.checkpointInterval ?? 0
        }
        #expect(interval(nil) == 5)
        #expect(interval(0.5) == 20)
        #expect(interval(30) == 1)
    }
}

/// The worker's part.
@Suite struct WorkerCheckpointTests {
    typealias Subject = WorkerStateMachineTests.Subject

    private static let lease = WorkerStateMachineTests.lease(0)
    private static let request = WorkerStateMachineTests.requests[0]
    private static let checkpoint = SamplingCheckpoint(step: 2, kernelClass: "hash", bytes: [7])

    private static func begun(
        _ subject: inout Subject, _ preparation: Preparation, for prepared: Lease = lease
    ) -> [WorkerStateMachine.Action] {
        subject.greet(1)
        #expect(subject(.received(1, .prepare(prepared, preparation))).isEmpty)
        return subject(.received(1, .assign(lease, request)))
    }

    @Test func aPreparedImageResumesAndReportsIt() {
        var subject = Subject()
        let preparation = Preparation(checkpointInterval: 2, checkpoint: Self.checkpoint)
        let actions = Self.begun(&subject, preparation)
        #expect(actions.contains(.begin(1, Self.request, preparation)))
        let resumed = WorkerStateMachineTests.sent(subject(.resumed(1, step: 2, stepCount: 4)))
        #expect(
            resumed == [
                .progress(ProgressReport(lease: Self.lease, step: 2, stepCount: 4, seconds: 0))
            ])
        let saved = WorkerStateMachineTests.sent(subject(.saved(1, step: 3, [9])))
        let expected = SamplingCheckpoint(step: 3, kernelClass: "hash", bytes: [9])
        #expect(saved == [.checkpoint(Self.lease, expected)])
        let finished = WorkerStateMachineTests.sent(subject.finish(1, resumedStep: 2))
        guard case .result(let result) = finished.first else {
            Issue.record("no result")
            return
        }
        #expect(result.sampled.facts.resumedStep == 2)
    }

    /// The coordinator believes no checkpoint beyond the last step that was reported to it.
    @Test func theStepOfACheckpointIsReportedFirst() {
        var subject = Subject()
        subject.greet(1)
        let request = TestCluster.requests(1, steps: 40)[0]
        _ = subject(.received(1, .prepare(Self.lease, Preparation(checkpointInterval: 3))))
        _ = subject(.received(1, .assign(Self.lease, request)))
        let told = (1...3).map { step in
            WorkerStateMachineTests.sent(
                subject(.stepped(1, step: step, stepCount: 40, seconds: 0.01 * Double(step)))
            ).count
        }
        #expect(told == [1, 0, 0])
        let saved = WorkerStateMachineTests.sent(subject(.saved(1, step: 3, [9])))
        let checkpoint = SamplingCheckpoint(step: 3, kernelClass: "hash", bytes: [9])
        #expect(
            saved == [
                .progress(
                    ProgressReport(lease: Self.lease, step: 3, stepCount: 40, seconds: 0.025)),
                .checkpoint(Self.lease, checkpoint),
            ])
    }

    @Test func aForeignCheckpointIsIgnoredWithAWord() {
        var subject = Subject()
        var foreign = Self.checkpoint
        foreign.kernelClass = "other"
        let actions = Self.begun(
            &subject, Preparation(checkpointInterval: 2, checkpoint: foreign))
        #expect(actions.contains(.begin(1, Self.request, Preparation(checkpointInterval: 2))))
        let ignored = actions.contains {
            if case .report(.checkpointIgnored(0, 1, let reason)) = $0 {
                reason.contains("other")
            } else {
                false
            }
        }
        #expect(ignored)
    }

    @Test func whatWasPreparedForAnotherLeaseIsForgotten() {
        var subject = Subject()
        let actions = Self.begun(
            &subject, Preparation(checkpoint: Self.checkpoint),
            for: WorkerStateMachineTests.lease(1))
        #expect(actions.contains(.begin(1, Self.request, Preparation())))
        // It holds for the next assignment only.
        _ = subject(.received(1, .prepare(Self.lease, Preparation(checkpointInterval: 3))))
        _ = subject.assign(1, item: 1)
        _ = subject.finish(1)
        _ = subject(.received(1, .resultAck(Self.lease)))
        #expect(subject.assign(1, item: 0).isEmpty)
    }

    @Test func longCheckpointsStayAtHome() {
        var subject = Subject()
        _ = Self.begun(&subject, Preparation(checkpointInterval: 1))
        let bytes = [UInt8](repeating: 0, count: WireLimits.checkpointByteCountMax + 1)
        #expect(subject(.saved(1, step: 1, bytes)).isEmpty)
    }
}
