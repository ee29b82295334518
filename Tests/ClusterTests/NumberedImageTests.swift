// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// Images that a service has numbered, which come one by one.
@Suite struct NumberedImageTests {
    typealias Subject = CoordinatorSubject

    private static let requests = TestCluster.requests(10)

    /// A cluster that is kept for images to come, with workers of one credit each.
    private static func cluster(workers: Int) -> Subject {
        var subject = Subject(workers: workers, images: 0, end: .never)
        _ = subject(.start)
        for id in 1...UInt64(workers) { _ = subject.join(ConnectionID(id)) }
        return subject
    }

    private static func image(_ number: Int, batch: Int = 0) -> CoordinatorStateMachine.Event {
        .submit(
            ImageBatch(
                id: ImageBatch.ID(batch),
                images: [
                    ImageBatch.Image(number: ImageNumber(number), request: requests[number % 10])
                ]))
    }

    private static func result(_ lease: Lease) throws -> Message {
        let latents = try HashChainGenerator.latents(for: requests[Int(lease.item) % 10])
        return .result(
            LatentResult(
                lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256)))
    }

    @Test func numbersComeInAnyOrder() throws {
        var subject = Self.cluster(workers: 1)
        for number in [57, 3, 1_000_000, 58] {
            let lease = try #require(Subject.leases(subject(Self.image(number))).first?.lease)
            #expect(lease.item == UInt32(number))
            let actions = subject.hear(1, try Self.result(lease))
            #expect(Subject.types(actions) == [.resultAck])
            #expect(subject(.consumed(image: ImageNumber(number))).isEmpty)
        }
    }

    @Test func imagesOfOneNameAreCancelledTogether() throws {
        var subject = Self.cluster(workers: 1)
        let lease = try #require(Subject.leases(subject(Self.image(9, batch: 4))).first?.lease)
        _ = subject(Self.image(3, batch: 4))
        _ = subject(Self.image(5, batch: 5))
        let actions = subject(.cancelBatch(ImageBatch.ID(4)))
        let cancelled = Subject.reports(actions).compactMap { event -> Int? in
            if case .cancelled(let image) = event { image.rawValue } else { nil }
        }
        #expect(cancelled.sorted() == [3, 9])
        let next = Subject.leases(
            subject.hear(1, .nak(lease, WireReason(.cancelled, "cancelled"))))
        #expect(next.map(\.lease.item) == [5])
    }

    /// Another worker's image is not generated twice for the moment that the next one takes.
    @Test func aWorkerThatIdlesForAMomentCopiesNothing() throws {
        var subject = Self.cluster(workers: 2)
        let slow = try #require(Subject.leases(subject(Self.image(0))).first)
        let fast = try #require(Subject.leases(subject(Self.image(1))).first)
        for (held, seconds) in [(slow, 100.0), (fast, 0.1)] {
            _ = subject.hear(
                held.id,
                .progress(
                    ProgressReport(lease: held.lease, step: 1, stepCount: 4, seconds: seconds)))
        }
        let idle = subject.hear(fast.id, try Self.result(fast.lease))
        #expect(Subject.leases(idle).isEmpty)
        _ = subject(.consumed(image: ImageNumber(1)))
        subject.now += .seconds(3)
        let copy = Subject.leases(subject(.tick))
        #expect(copy.map(\.lease.item) == [0] && copy.map(\.id) == [fast.id])
    }
}
