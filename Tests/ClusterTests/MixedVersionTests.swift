// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Synchronization
import TestSupport
import Testing
import WireFuzzing
import WireProtocol
import Worker

/// A newer coordinator and workers of which some are older: they sample what they understand whole.
@Suite(.timeLimit(.minutes(5))) struct MixedVersionTests {
    typealias Subject = CoordinatorSubject
    typealias WorkerSubject = WorkerStateMachineTests.Subject

    private static let sampler = WireReason.notUnderstood("sampling method 99")

    private static func unknown(_ type: MessageType, _ lease: Lease) -> WireError {
        .notUnderstood(type, lease, field: "sampling method", value: "99")
    }

    // MARK: The worker

    @Test func whatIsNotUnderstoodIsGivenBackAndTheConnectionLives() {
        var subject = WorkerSubject()
        subject.greet(1)
        let lease = WorkerStateMachineTests.lease(0)
        let actions = subject(.malformed(1, Self.unknown(.assign, lease)))
        #expect(WorkerStateMachineTests.sent(actions) == [.nak(lease, Self.sampler)])
        #expect(
            actions.contains(
                .report(.imageFailed(item: 0, attempt: 1, reason: Self.sampler.text))))
        #expect(!actions.contains(.finish(1)))
        #expect(WorkerStateMachineTests.types(subject.assign(1, item: 1)) == [.progress])
        #expect(subject.machine.heldCount == 1)
    }

    /// An image whose preparation is not understood is not sampled either; one answer is enough.
    @Test func aPreparationIsNotHalfUnderstood() {
        for isAssignUnderstood in [true, false] {
            var subject = WorkerSubject()
            subject.greet(1)
            let lease = WorkerStateMachineTests.lease(0)
            #expect(subject(.malformed(1, Self.unknown(.prepare, lease))).isEmpty)
            let actions =
                isAssignUnderstood
                ? subject.assign(1, item: 0)
                : subject(.malformed(1, Self.unknown(.assign, lease)))
            #expect(WorkerStateMachineTests.sent(actions) == [.nak(lease, Self.sampler)])
            #expect(subject.machine.heldCount == 0)
            // It speaks of that lease only.
            let again = subject.assign(1, item: 0, attempt: 2)
            #expect(WorkerStateMachineTests.types(again) == [.progress])
        }
    }

    @Test func nothingOfANewerBuildGoesBeforeTheGreeting() {
        var subject = WorkerSubject()
        _ = subject(.connected(1, peer: "peer"))
        let error = Self.unknown(.assign, WorkerStateMachineTests.lease(0))
        let actions = subject(.malformed(1, error))
        #expect(WorkerStateMachineTests.types(actions) == [.refuse])
        #expect(actions.contains(.finish(1)))
    }

    // MARK: The coordinator

    /// It is no fault: no strike, no pause, no attempt spent.
    @Test func theImageGoesToAWorkerThatUnderstandsIt() throws {
        var subject = Subject(workers: 2, images: 8)
        _ = subject(.start)
        var lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        let other = try #require(Subject.leases(subject.join(2)).first?.lease)
        var reports: [CoordinatorEvent] = []
        for _ in 0..<4 {
            let actions = subject.hear(1, .nak(lease, Self.sampler))
            #expect(!actions.contains(.finish(1)))
            reports += Subject.reports(actions)
            let (id, next) = try #require(Subject.leases(actions).first)
            #expect(id == 1 && next.item > lease.item, "it gets another image at once")
            lease = next
        }
        #expect(
            reports.filter { if case .assigned = $0 { false } else { true } } == [
                .notUnderstood(image: 0, worker: "w0:7400", reason: Self.sampler.text)
            ])
        let next = try #require(Subject.leases(try subject.result(2, other)).first)
        #expect(next.id == 2 && next.lease.item == 0 && next.lease.attempt == 2)
        #expect(subject.failures.isEmpty)
    }

    @Test func anImageFailsWhenNoWorkerIsLeftForIt() throws {
        var subject = Subject(workers: 2, images: 1)
        _ = subject(.start)
        let first = try #require(Subject.leases(subject.join(1)).first)
        // The other one is still being reached.
        let waiting = subject.hear(first.id, .nak(first.lease, Self.sampler))
        #expect(subject.failures.isEmpty && Subject.leases(waiting).isEmpty)
        let second = try #require(Subject.leases(subject.join(2)).first)
        #expect(second.id == 2)
        let end = subject.hear(2, .nak(second.lease, Self.sampler))
        let failure = FailedAttempt(
            worker: "", attempt: 0,
            reason: "no worker can generate it; w1:7400 says: \(Self.sampler.text)")
        #expect(Subject.reports(end).contains(.failed(image: 0, failures: [failure])))
        #expect(end.last == .end)
    }

    /// An idle worker that stays would otherwise keep the run waiting for one that never comes.
    @Test func workersThatNeverComeAreNotWaitedForWithoutEnd() throws {
        var subject = Subject(workers: 2, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.hear(1, .nak(lease, Self.sampler))
        var id: ConnectionID? = 2
        while let connection = id, subject.now < .seconds(600) {
            _ = subject(.connectFailed(connection, reason: "refused"))
            id = nil
            for _ in 0..<60 where id == nil && !subject.machine.hasEnded {
                subject.now += .seconds(1)
                _ = subject.hear(1, .pong(1))
                for case .connect(let next, _) in subject(.tick) { id = next }
            }
        }
        #expect(subject.failures.keys.sorted() == [0])
        #expect(subject.machine.hasEnded && subject.now < .seconds(60))
    }

    @Test func aNewerProcessAtTheSameAddressIsAskedAgain() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let refused = try #require(Subject.leases(subject.join(1)).first?.lease)
        let next = Subject.leases(subject.hear(1, .nak(refused, Self.sampler)))
        #expect(next.map(\.lease.item) == [1])
        _ = try subject.result(1, try #require(next.first?.lease))
        _ = subject(.disconnected(1, reason: "restarted"))
        #expect(subject.failures.isEmpty)
        subject.now = .seconds(1)
        #expect(subject(.tick).contains(.connect(3, WorkerAddress(host: "w0"))))
        #expect(Subject.leases(subject.join(3, instance: 77)).map(\.lease.item) == [0])
    }

    /// A newer worker's checkpoint is not resumed from, and costs nothing else.
    @Test func checkpointsThatAreNotUnderstoodAreDropped() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease)
        #expect(subject(.malformed(1, Self.unknown(.checkpoint, lease))).isEmpty)
        #expect(Subject.types(try subject.result(1, lease)) == [.resultAck, .goodbye])
    }

    // MARK: Both

    @Test(arguments: NewerAssigns.Novelty.allCases)
    func anOlderWorkerSamplesTheRest(_ novelty: NewerAssigns.Novelty) async throws {
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            let assigns = NewerAssigns(novelty, items: [1, 3])
            let relay = try await CuttableRelay(to: addresses[0]) { direction, bytes in
                direction == .forth ? assigns.pass(bytes) : bytes
            }
            let record = try await TestCluster.coordinator([relay.address])
                .record(TestCluster.requests(5))
            await relay.stop()
            #expect(record.latentsByItem.keys.sorted() == [0, 2, 4])
            #expect(record.summary.failures.keys.sorted() == [1, 3])
            for failures in record.summary.failures.values {
                #expect(failures.count == 1)
                #expect(failures[0].reason.contains("needs a newer retom-worker"))
            }
            // One connection, and no word against the worker.
            let words = record.events.filter { event in
                switch event {
                case .workerJoined, .workerLost, .workerQuarantined, .retried: true
                default: false
                }
            }
            #expect(words.count == 1)
        }
    }

    @Test(arguments: NewerAssigns.Novelty.allCases)
    func aNewerWorkerSamplesWhatTheOlderOneCannot(_ novelty: NewerAssigns.Novelty) async throws {
        let requests = TestCluster.requests(6)
        try await withWorkers([TestWorker(), TestWorker()]) { addresses in
            let assigns = NewerAssigns(novelty, items: Set(0..<6))
            let relay = try await CuttableRelay(to: addresses[0]) { direction, bytes in
                direction == .forth ? assigns.pass(bytes) : bytes
            }
            let record = try await TestCluster.coordinator([relay.address, addresses[1]])
                .record(requests)
            await relay.stop()
            #expect(record.summary.completedCount == 6 && record.summary.failures.isEmpty)
            for (item, latents) in record.latentsByItem {
                #expect(try latents == HashChainGenerator.latents(for: requests[item]))
            }
            let makers = record.events.compactMap { event -> String? in
                if case .completed(let result) = event { result.worker } else { nil }
            }
            #expect(Set(makers) == [addresses[1].description])
        }
    }

    /// A part that only the generator can judge, such as a merge method's name.
    @Test func generatorsGiveBackWhatTheyDoNotKnow() async throws {
        var generator = HashChainGenerator()
        generator.newSeed = 1
        let record = try await withWorkers([TestWorker(generator)]) {
            try await TestCluster.coordinator($0).record(TestCluster.requests(3))
        }
        #expect(record.latentsByItem.keys.sorted() == [0, 2])
        #expect(
            record.summary.failures[1]?.first?.reason.hasSuffix(
                WireReason.notUnderstood("merge method next").text) == true)
    }
}

/// Makes the ASSIGN of some images that of a newer coordinator, on its way to an older worker.
final class NewerAssigns: Sendable {
    enum Novelty: CaseIterable { case sampler, schedule, layout, appendedField }

    private let novelty: Novelty
    private let items: Set<UInt32>
    private let rest = Mutex<[UInt8]>([])

    init(_ novelty: Novelty, items: Set<UInt32>) {
        self.novelty = novelty
        self.items = items
    }

    /// Takes bytes of a stream; returns the frames that are whole by now.
    func pass(_ bytes: [UInt8]) -> [UInt8] {
        rest.withLock { rest in
            rest += bytes
            var whole: [UInt8] = []
            while let count = Self.frameByteCount(rest), rest.count >= count {
                whole += altered(Array(rest[..<count]))
                rest.removeFirst(count)
            }
            return whole
        }
    }

    private func altered(_ frame: [UInt8]) -> [UInt8] {
        guard frame[FrameHeader.typeOffset] == MessageType.assign.rawValue,
            items.contains(Self.word(frame, at: 8) - 1)
        else { return frame }
        var frame = frame
        // Behind the header and the lease.
        let request = WireLimits.headerByteCount + 16
        switch novelty {
        case .sampler: frame[request + 28] = 99
        case .schedule: frame[request + 29] = 99
        case .layout: frame[request + 31] = 200
        case .appendedField:
            frame[FrameHeader.typeOffset - 1] = ProtocolVersion.current.minor + 1
            frame += [1, 0, 0, 0]
        }
        FrameMutator.repair(&frame)
        return frame
    }

    private static func frameByteCount(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= WireLimits.headerByteCount else { return nil }
        return WireLimits.headerByteCount + Int(word(bytes, at: 12))
    }

    private static func word(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
