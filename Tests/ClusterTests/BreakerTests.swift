// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// Workers that fail one image after another, images that end workers, results that differ.
@Suite struct BreakerTests {
    typealias Subject = CoordinatorSubject

    private func fail(_ subject: inout Subject, _ id: ConnectionID, _ lease: Lease) -> [Subject
        .Action]
    {
        subject.hear(id, .nak(lease, WireReason(.workerFailed, "disk on fire")))
    }

    @Test func badWorkersRestAndAreProbedWithOneImage() throws {
        var subject = Subject(workers: 2, images: 40)
        _ = subject(.start)
        var leases = Subject.leases(subject.join(1, credits: 3)).map(\.lease)
        _ = subject.join(2, credits: 1)
        var actions: [Subject.Action] = []
        for lease in leases {
            _ = subject.progress(1, lease)
            actions = fail(&subject, 1, lease)
            leases += Subject.leases(actions).map(\.lease)
        }
        #expect(
            Subject.reports(actions).contains(
                .workerQuarantined(worker: "w0:7400", reason: "disk on fire", seconds: 5)))
        // What else it holds goes to others, and nothing new comes for five seconds.
        #expect(Subject.sent(actions).contains { $0.type == .cancel })
        subject.now = .milliseconds(4900)
        #expect(!Subject.leases(subject(.tick)).contains { $0.id == 1 })
        for lease in leases.dropFirst(3) {
            _ = subject.hear(1, .nak(lease, WireReason(.cancelled, "cancelled")))
        }
        subject.now = .seconds(5)
        let probe = Subject.leases(subject(.tick)).filter { $0.id == 1 }
        #expect(probe.count == 1, "one image, though it has three credits")
        let done = try subject.result(1, try #require(probe.first).lease)
        #expect(Subject.reports(done).contains(.workerReturned(worker: "w0:7400")))
        #expect(Subject.leases(done).count { $0.id == 1 } == 3)
    }

    @Test func failedProbesCostTheImageNothingAndTheWorkerItsPlace() throws {
        // The second worker is only there in name: its connection is never answered.
        var subject = Subject(workers: 2, images: 40) { $0.tolerance.attemptCountMax = 4 }
        _ = subject(.start)
        var actions = subject.join(1)
        var gone: [CoordinatorEvent] = []
        for _ in 0..<60 where gone.isEmpty {
            if let lease = Subject.leases(actions).first?.lease {
                actions = fail(&subject, 1, lease)
            } else {
                subject.now = subject.machine.nextDeadline ?? subject.now
                actions = subject.hear(1, .pong(1)) + subject(.tick)
            }
            gone += Subject.reports(actions).filter {
                if case .workerRefused = $0 { true } else { false }
            }
        }
        #expect(
            gone == [
                .workerRefused(
                    worker: "w0:7400", reason: "it failed 3 probes: disk on fire")
            ])
        #expect(subject.now >= .seconds(5 + 10 + 20), "each quarantine is twice as long")
        #expect(subject.failures.isEmpty)
    }

    @Test func anImageThatKilledTwoWorkersFails() throws {
        var subject = Subject(workers: 3, images: 1)
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for id in connections(1...2) {
            let (holder, lease) = try #require(Subject.leases(actions).first)
            #expect(holder == id)
            _ = subject.progress(id, lease)
            actions = subject(.disconnected(id, reason: "reset"))
            #expect(Subject.leases(actions).isEmpty)
            subject.now += .milliseconds(500)
            actions = subject(.tick)
        }
        // Both may have ended or not; the third is spared until that is known.
        #expect(Subject.leases(actions).isEmpty)
        _ = subject.join(4, instance: 101)
        actions = subject.join(5, instance: 102)
        guard case .failed(0, let failures) = Subject.reports(actions).first else {
            Issue.record("\(actions)")
            return
        }
        #expect(failures.map(\.worker) == ["w0:7400", "w1:7400", ""])
        #expect(failures.last?.reason == "failed: 2 workers died at the same step")
    }

    /// It ends them so soon that they don't even say that they begin.
    @Test func anImageThatKillsWorkersAtOnceFailsToo() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        var actions = subject.join(1)
        for (old, new) in [(ConnectionID(1), UInt64(3)), (3, 4)] {
            #expect(Subject.leases(actions).first?.lease.item == 0)
            _ = subject(.disconnected(old, reason: "reset"))
            subject.now += .seconds(1)
            _ = subject(.tick)
            actions = subject.join(ConnectionID(new), instance: UInt8(100 + new))
        }
        guard case .failed(0, let failures) = Subject.reports(actions).first else {
            Issue.record("\(actions)")
            return
        }
        #expect(failures.map(\.reason) == ["failed: 2 workers died at the same step"])
    }

    /// A worker that ends at the last step of an image may have begun the next one: the first is
    /// sampled again with nothing behind it, which tells the two apart.
    @Test(arguments: [0, 1])
    func oneOfTwoThatMayHaveKilledAWorkerIsFound(culprit: UInt32) throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        let first = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        #expect(first.map(\.item) == [0, 1])
        for step in 0...4 { _ = subject.progress(1, first[0], step) }
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now += .seconds(1)
        _ = subject(.tick)
        let second = Subject.leases(subject.join(2, credits: 2, instance: 101)).map(\.lease)
        #expect(second.map(\.item) == [0], "alone, though it takes two")
        for step in 0...4 { _ = subject.progress(2, second[0], step) }
        var suspect = second[0]
        if culprit == 1 {
            let third = Subject.leases(try subject.result(2, second[0])).map(\.lease)
            #expect(third.map(\.item) == [1], "alone as well")
            suspect = third[0]
            _ = subject.progress(2, suspect)
        }
        _ = subject(.disconnected(2, reason: "reset"))
        subject.now += .seconds(20)
        _ = subject(.tick)
        _ = subject.join(3, credits: 2, instance: 102)
        #expect(suspect.item == culprit)
        #expect(subject.failures.keys.map { UInt32($0.rawValue) } == [culprit])
    }

    /// Of fast steps not every one is reported: chance alone may make two ends look alike.
    @Test func imagesOfFastWorkersFailAfterThreeLosses() throws {
        var subject = Subject(workers: 1, images: 1) { $0.tolerance.strikeCountMax = 100 }
        _ = subject(.start)
        var actions = subject.join(1)
        for number in UInt64(1)...3 {
            let id = ConnectionID(number)
            #expect(subject.failures.isEmpty, "\(number - 1) losses")
            let lease = try #require(Subject.leases(actions).first?.lease)
            for step in 0...1 {
                let report = ProgressReport(lease: lease, step: step, stepCount: 4, seconds: 0.01)
                _ = subject.hear(id, .progress(report))
            }
            _ = subject(.disconnected(id, reason: "reset"))
            subject.now += .seconds(20)
            _ = subject(.tick)
            actions = subject.join(ConnectionID(number + 1), instance: UInt8(100 + number))
        }
        #expect(
            subject.failures[0]?.last?.reason
                == "failed: 3 workers died at the same step")
    }

    @Test func lossesAtDifferentStepsDoNotFailTheImage() throws {
        var subject = Subject(workers: 3, images: 1)
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for (id, step) in [(ConnectionID(1), 1), (2, 3)] {
            let (_, lease) = try #require(Subject.leases(actions).first)
            for step in 0...step { _ = subject.progress(id, lease, step) }
            _ = subject(.disconnected(id, reason: "reset"))
            subject.now += .seconds(1)
            actions = subject(.tick)
        }
        #expect(Subject.leases(actions).first?.id == 3)
    }

    @Test func lostConnectionsAreNoEvidenceAgainstAnImage() throws {
        var subject = Subject(workers: 3, images: 1)
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for id in connections(1...2) {
            let (_, lease) = try #require(Subject.leases(actions).first)
            _ = subject.progress(id, lease)
            _ = subject(.disconnected(id, reason: "reset"))
            subject.now += .milliseconds(500)
            actions = subject(.tick)
        }
        // The same processes as before answer: they had only lost their connections.
        _ = subject.join(4, instance: 1)
        _ = subject.join(5, instance: 2)
        subject.now += .milliseconds(500)
        #expect(Subject.leases(subject(.tick)).first?.id == 3)
    }

    @Test func aWorkerWithADifferentResultSamplesTheImageAgain() throws {
        var subject = Subject(workers: 2, images: 9)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, first)
        _ = subject(.disconnected(1, reason: "cut"))
        subject.now = .milliseconds(500)
        _ = subject(.tick)
        let second = try #require(Subject.leases(subject.join(2)).first?.lease)
        #expect(second.item == 0)
        let own = Subject.leases(subject.join(3, instance: 1)).map(\.lease)
        _ = try subject.result(2, second)
        // The late result of the first attempt differs: alarm, quarantine, the slot stays.
        let late = try subject.result(3, first, salt: 1)
        #expect(
            Subject.reports(late).contains(
                .resultsDiffer(image: 0, worker: "w0:7400", firstWorker: "w1:7400")))
        #expect(!late.contains { if case .decode = $0 { true } else { false } })
        #expect(Subject.sent(late).contains(.cancel(own[0])))
        for lease in own {
            _ = subject.hear(3, .nak(lease, WireReason(.cancelled, "cancelled")))
        }
        subject.now = .seconds(6)
        let check = try #require(Subject.leases(subject(.tick)).first { $0.id == 3 }?.lease)
        #expect(check.item == 0, "the answer is known")
        let again = try subject.result(3, check, salt: 1)
        #expect(
            Subject.reports(again).contains {
                if case .workerQuarantined(_, _, 10) = $0 { true } else { false }
            })
        subject.now = .seconds(17)
        let retry = try #require(Subject.leases(subject(.tick)).first { $0.id == 3 }?.lease)
        let sound = try subject.result(3, retry)
        #expect(Subject.reports(sound).contains(.workerReturned(worker: "w0:7400")))
    }

    @Test func resultsOfOtherRunsAreNotTaken() throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let foreign = Lease(item: 2, attempt: 1, token: lease.token)
        let actions = try subject.result(1, foreign)
        #expect(Subject.types(actions) == [.goodbye])
        #expect(!actions.contains { if case .store = $0 { true } else { false } })
    }

    @Test func resumedRunsAcceptResultsOfEarlierSessions() throws {
        let resumed = ResumedRun(completed: [0: [1]], session: 2)
        var subject = Subject(workers: 1, images: 2, resumed: resumed)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        var earlier = TestCluster.mint(session: 1)
        let old = earlier.makeLease(item: 1, attempt: 1, for: [UInt8](repeating: 1, count: 16))
        #expect(lease.item == 1 && lease != old)
        let actions = try subject.result(1, old)
        #expect(actions.contains { if case .decode = $0 { true } else { false } })
    }
}
