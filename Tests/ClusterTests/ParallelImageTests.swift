// SPDX-License-Identifier: Apache-2.0

import ClusterSimulation
import ClusterTransport
import Coordinator
import GenerationTypes
import Testing
import WireProtocol
import Worker

/// Workers that sample several images at the same time.
@Suite struct ParallelImageTests {
    typealias Workers = WorkerStateMachineTests
    typealias Subject = CoordinatorSubject

    // MARK: The worker

    @Test func aWorkerBeginsAsManyAsItSamplesAndLetsTheRestWait() {
        var subject = Workers.Subject(credits: 4, pictures: 2)
        subject.greet(1)
        for item in 0..<2 {
            let actions = subject.assign(1, item: item)
            #expect(
                actions.contains(.begin(UInt64(item + 1), Workers.requests[item], Preparation())))
        }
        #expect(subject.assign(1, item: 2).isEmpty)
        #expect(subject.machine.heldCount == 3)
        // The second ends first; its place goes to the one that waits.
        let done = subject.finish(2)
        #expect(Workers.types(done) == [.result, .progress])
        #expect(done.contains(.begin(3, Workers.requests[2], Preparation())))
        #expect(Workers.types(subject.finish(1)) == [.result])
    }

    /// Steps, checkpoints, previews and cancels are those of their image.
    @Test func whatIsSaidOfOneImageIsNotSaidOfAnother() {
        var subject = Workers.Subject(credits: 4, pictures: 2)
        subject.greet(1)
        for item in 0..<2 { _ = subject.assign(1, item: item) }
        let watched = subject(
            .received(1, .watch(Workers.lease(1), intervalMilliseconds: 100)))
        #expect(watched == [.watch(2, intervalMilliseconds: 100)])
        let stepped = subject(.stepped(2, step: 3, stepCount: 4, seconds: 9))
        #expect(
            Workers.sent(stepped) == [
                .progress(
                    ProgressReport(lease: Workers.lease(1), step: 3, stepCount: 4, seconds: 9))
            ])
        let saved = Workers.sent(subject(.saved(1, step: 1, [7])))
        guard case .checkpoint(let lease, _) = saved.last else {
            Issue.record("\(saved)")
            return
        }
        #expect(lease == Workers.lease(0))
        #expect(subject(.received(1, .cancel(Workers.lease(1)))) == [.cancel(2)])
        let ended = Workers.sent(
            subject(.failed(2, WireReason(.cancelled, "cancelled"))))
        #expect(ended.map(\.type) == [.nak])
        #expect(Workers.types(subject.finish(1)) == [.result])
    }

    @Test func aReconnectedCoordinatorHearsOfAllThatRuns() {
        var subject = Workers.Subject(credits: 4, pictures: 2)
        subject.greet(1)
        for item in 0..<3 { _ = subject.assign(1, item: item) }
        _ = subject(.stepped(1, step: 1, stepCount: 4, seconds: 1))
        _ = subject(.disconnected(1, reason: "cut"))
        #expect(subject.machine.heldCount == 0)
        let leases = Workers.sent(subject.greet(2)).compactMap { message -> Lease? in
            if case .progress(let report) = message { report.lease } else { nil }
        }
        #expect(leases == [Workers.lease(0), Workers.lease(1)])
        // Another one wants neither.
        _ = subject(.disconnected(2, reason: "cut"))
        #expect(
            subject.greet(3, instance: 2).filter { if case .cancel = $0 { true } else { false } }
                == [.cancel(1), .cancel(2)])
    }

    @Test func aDrainedWorkerFinishesAllThatRun() {
        var subject = Workers.Subject(credits: 4, pictures: 2)
        subject.greet(1)
        for item in 0..<3 { _ = subject.assign(1, item: item) }
        #expect(Workers.types(subject(.drain)) == [.drain, .nak])
        for job: UInt64 in [1, 2] {
            _ = subject.finish(job)
            #expect(!subject.machine.hasStopped)
        }
        for item in 0..<2 { _ = subject(.received(1, .resultAck(Workers.lease(item)))) }
        #expect(subject.machine.hasStopped)
    }

    // MARK: The coordinator

    /// Seconds that a batch takes.
    private func batch(
        _ count: Int, stepSeconds: [Double], pictures: Int
    ) -> (seconds: Double, images: [Int]) {
        var cluster = SimulatedCluster(
            .batch(
                imageCount: count, stepCount: 10, stepSeconds: stepSeconds, credits: 2 * pictures,
                pictureCount: pictures))
        cluster.run()
        #expect(cluster.problem == nil)
        return (cluster.seconds, cluster.imageCounts)
    }

    @Test func allThreadsOfAWorkerAreKeptBusy() {
        // Six rounds of four images of ten seconds.
        #expect(batch(24, stepSeconds: [1], pictures: 4).seconds < 61)
        // Not one round for one worker and none for the other.
        let (seconds, images) = batch(8, stepSeconds: [1, 1], pictures: 4)
        #expect(seconds < 11 && images == [4, 4])
        #expect(batch(3, stepSeconds: [1, 1], pictures: 4).seconds < 11)
    }

    /// Two fast workers and one ten times slower, four images at a time each: the last images wait
    /// for no slow one.
    @Test(arguments: [8, 9, 24, 80]) func slowWorkersDelayNoBatch(_ count: Int) {
        let fast = batch(count, stepSeconds: [1, 1], pictures: 4)
        let mixed = batch(count, stepSeconds: [1, 1, 10], pictures: 4)
        #expect(mixed.seconds <= fast.seconds + 11, "\(mixed) instead of \(fast)")
    }

    private func join(
        _ subject: inout Subject, _ id: ConnectionID, pictures: Int, instance: UInt8? = nil
    ) -> [Lease] {
        Subject.leases(
            subject.join(id, credits: 2 * pictures, pictures: pictures, instance: instance)
        ).map(\.lease)
    }

    /// One image hangs, the other goes on: only the first is taken away.
    @Test func oneHangingImageExpiresAlone() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let leases = join(&subject, 1, pictures: 2)
        try #require(leases.count == 2)
        for lease in leases { _ = subject.progress(1, lease, 1) }
        var cancelled: [Message] = []
        for step in 2...4 {
            subject.now += .seconds(25)
            cancelled += Subject.sent(subject(.tick)).filter { $0.type == .cancel }
            _ = subject.hear(1, .ping(1))
            if step < 4 { _ = subject.progress(1, leases[1], step) }
        }
        #expect(cancelled == [.cancel(leases[0])])
        #expect(try Subject.types(subject.result(1, leases[1])).contains(.resultAck))
    }

    /// A worker that is switched off with two images is no evidence against either; the second time
    /// each of them is sampled alone, and only the one that ends a worker then fails.
    @Test(arguments: [0, 1]) func imagesThatDieTogetherTwiceAreSampledAlone(culprit: UInt32) throws
    {
        var subject = Subject(workers: 1, images: 3) { $0.tolerance.strikeCountMax = 100 }
        _ = subject(.start)
        var leases = join(&subject, 1, pictures: 2)
        for number in UInt64(1)...2 {
            #expect(leases.map(\.item) == [0, 1, 2])
            for lease in leases.prefix(2) { _ = subject.progress(ConnectionID(number), lease, 1) }
            leases = try revived(&subject, number)
        }
        #expect(leases.map(\.item) == [0], "alone, though it samples two")
        var suspect = try #require(leases.first)
        if culprit == 1 {
            leases = Subject.leases(try subject.result(3, suspect)).map(\.lease)
            #expect(leases.map(\.item) == [1], "alone as well")
            suspect = try #require(leases.first)
        }
        _ = subject.progress(3, suspect, 1)
        leases = try revived(&subject, 3)
        #expect(subject.failures.keys.map { UInt32($0.rawValue) } == [culprit])
        #expect(leases.map(\.item) == [culprit == 0 ? 1 : 2])
    }

    /// The next process of a worker that died joins.
    private func revived(_ subject: inout Subject, _ old: UInt64) throws -> [Lease] {
        _ = subject(.disconnected(ConnectionID(old), reason: "reset"))
        subject.now += .seconds(20)
        _ = subject(.tick)
        return join(&subject, ConnectionID(old + 1), pictures: 2, instance: UInt8(101 + old))
    }
}
