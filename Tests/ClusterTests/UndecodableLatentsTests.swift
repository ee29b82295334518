// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// Latents that look right and of which no picture can be made.
@Suite struct UndecodableLatentsTests {
    typealias Subject = CoordinatorSubject

    private static func failed(
        _ image: ImageNumber, isDecoderSound: Bool = true
    ) -> CoordinatorStateMachine.Event {
        .decodeFailed(image: image, reason: "not finite", isDecoderSound: isDecoderSound)
    }

    /// Two workers and two images; the first worker's image could not be decoded.
    private static func undecoded() throws -> (
        subject: Subject, other: Lease, actions: [Subject.Action]
    ) {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        let other = try #require(Subject.leases(subject.join(2)).first?.lease)
        _ = try subject.result(1, first, salt: 5)
        let actions = subject(failed(0))
        return (subject, other, actions)
    }

    @Test func theImageGetsAnotherAttemptElsewhere() throws {
        var (subject, other, actions) = try Self.undecoded()
        #expect(actions.contains(.forget(image: 0)))
        let failure = FailedAttempt(
            worker: "w0:7400", attempt: 1, reason: "decoding failed: not finite")
        #expect(Subject.reports(actions).contains(.retried(image: 0, failure: failure)))
        subject.now = .milliseconds(500)
        #expect(Subject.leases(subject(.tick)).isEmpty, "not back to the one that failed it")
        actions = try subject.result(2, other)
        let again = try #require(Subject.leases(actions).first)
        #expect(again.id == 2 && again.lease.item == 0 && again.lease.attempt == 2)
        let done = try subject.result(2, again.lease)
        #expect(done.contains { if case .decode = $0 { true } else { false } })
        #expect(subject.failures.isEmpty)
    }

    @Test func workersThatWereSaidGoodbyeToAreCalledBack() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = try subject.result(1, first)
        _ = subject(Self.failed(0))
        subject.now = .seconds(1)
        #expect(subject(.tick).contains(.connect(2, WorkerAddress(host: "w0"))))
        let second = Subject.leases(subject.join(2, instance: 1)).map(\.lease)
        #expect(second.map(\.item) == [0] && second.map(\.attempt) == [2])
        // Other latents under the first lease change nothing.
        let echo = try subject.result(2, first, salt: 9)
        #expect(Subject.types(echo).first == .resultAck)
        #expect(!echo.contains { if case .store = $0 { true } else { false } })
    }

    /// No attempt would bring other latents.
    @Test func theSameLatentsOnceMoreFailTheImage() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = try subject.result(1, first)
        _ = subject(Self.failed(0))
        subject.now = .seconds(1)
        _ = subject(.tick)
        let second = try #require(Subject.leases(subject.join(2, instance: 1)).first?.lease)
        _ = try subject.result(2, second)
        let end = subject(Self.failed(0))
        guard case .failed(0, let failures) = Subject.reports(end).last else {
            Issue.record("\(end)")
            return
        }
        #expect(failures.map(\.worker) == ["w0:7400", "w0:7400"])
        #expect(end.last == .end)
    }

    /// The other worker is there, if paused: one that always returns the same fails no image.
    @Test func oneWorkerAloneFailsNoImage() throws {
        var subject = Subject(workers: 2, images: 6) { $0.tolerance.quarantine = .seconds(1000) }
        _ = subject(.start)
        var leases = Subject.leases(subject.join(1)).map(\.lease)
        var refused = Subject.leases(subject.join(2)).map(\.lease)
        for _ in 0..<3 {
            let lease = try #require(refused.first)
            let actions = subject.hear(2, .nak(lease, WireReason(.workerFailed, "no memory")))
            refused = Subject.leases(actions).filter { $0.id == 2 }.map(\.lease)
        }
        #expect(refused.isEmpty, "it is paused")
        var falseCount = 0
        for second in 1...100 where falseCount < 3 {
            subject.now = .seconds(second)
            var actions: [Subject.Action] = []
            for lease in leases {
                let isFalse = lease.item == 0
                actions += try subject.result(1, lease, salt: isFalse ? 5 : 0)
                guard isFalse else { continue }
                actions += subject(Self.failed(0))
                falseCount += 1
            }
            for id in [1, 2] as [ConnectionID] { actions += subject.hear(id, .ping(1)) }
            actions += subject(.tick)
            leases = Subject.leases(actions).filter { $0.id == 1 }.map(\.lease)
        }
        #expect(falseCount == 3)
        #expect(subject.failures.isEmpty)
    }

    /// A decoder that decodes nothing is no worker's fault, and no attempt would help.
    @Test func aBrokenDecoderBlamesNoWorker() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = try subject.result(1, first)
        let actions = subject(Self.failed(0, isDecoderSound: false))
        #expect(!actions.contains(.forget(image: 0)))
        let failure = FailedAttempt(reason: "decoding failed: not finite")
        #expect(Subject.reports(actions) == [.failed(image: 0, failures: [failure])])
    }

    /// Whoever differed from latents that were worth nothing was right.
    @Test func aWorkerWithADifferentResultIsCleared() throws {
        var subject = Subject(workers: 2, images: 9)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, first)
        _ = subject(.disconnected(1, reason: "cut"))
        subject.now = .seconds(1)
        _ = subject(.tick)
        let second = try #require(Subject.leases(subject.join(2)).first?.lease)
        #expect(second.item == 0)
        _ = subject.join(3, instance: 1)
        _ = try subject.result(3, first, salt: 5)
        let late = try subject.result(2, second)
        #expect(
            Subject.reports(late).contains(
                .resultsDiffer(image: 0, worker: "w1:7400", firstWorker: "w0:7400")))
        let actions = subject(Self.failed(0))
        #expect(Subject.reports(actions).contains(.workerReturned(worker: "w1:7400")))
    }

    /// It looks free, for what it holds is void; it would never be given what it holds already.
    @Test func theRunDoesNotWaitForAWorkerThatKeepsAVoidLease() throws {
        var subject = Subject(workers: 3, images: 4)
        _ = subject(.start)
        // How fast it is, is known.
        let done = try #require(Subject.leases(subject.join(1)).first?.lease)
        for step in 0...4 { _ = subject.progress(1, done, step) }
        let silent = try #require(Subject.leases(try subject.result(1, done)).first?.lease)
        let liars = try #require(Subject.leases(subject.join(2)).first?.lease)
        let slow = try #require(Subject.leases(subject.join(3)).first?.lease)
        for step in 0...4 { _ = subject.progress(2, liars, step) }
        _ = try subject.result(2, liars)
        subject.now = .seconds(5)
        let copy = try #require(
            Subject.leases(subject(.tick)).first { $0.lease.item == silent.item })
        #expect(copy.id == 2)
        // The copy fills the slot, and nothing can be made of it; the first lease is void.
        _ = try subject.result(2, copy.lease, salt: 5)
        _ = subject(Self.failed(ImageNumber(Int(silent.item))))
        let report = ProgressReport(lease: slow, step: 4, stepCount: 4, seconds: 9)
        _ = subject.hear(3, .progress(report))
        _ = try subject.result(3, slow)
        subject.now = .seconds(6)
        #expect(Subject.leases(subject(.tick)).map(\.id) == [3])
    }

    /// Over sockets: what one worker sends can't be decoded, the other one's can.
    @Test(.timeLimit(.minutes(5))) func theOtherWorkerFillsTheSlot() async throws {
        let requests = TestCluster.requests(4)
        let good = try requests.map(HashChainGenerator.latents)
        // An image fails where the other worker is not there; and the sound one could be done
        // with everything before the other has begun.
        let (bothBegan, refusal) = (Gate(), Gate())
        let decoder = GreyDecoder { latents in
            let isZero = latents.values.allSatisfy { $0 == 0 }
            guard !isZero, !good.contains(latents) else { return }
            refusal.open()
            throw SizeError(width: 1)
        }
        let faulty = HashChainGenerator(beforeStep: { _, _ in bothBegan.wait() }, salt: 3)
        let sound = HashChainGenerator(beforeStep: { _, _ in
            bothBegan.open()
            refusal.wait()
        })
        let record = try await withWorkers([TestWorker(faulty), TestWorker(sound)]) { addresses in
            try await TestCluster.coordinator(addresses).record(requests, decoder: decoder)
        }
        #expect(record.summary.failures.isEmpty && record.summary.completedCount == 4)
        #expect(record.images.allSatisfy { good.contains($0.latents) })
    }
}
