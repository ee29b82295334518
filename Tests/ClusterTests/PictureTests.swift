// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import Synchronization
import Testing
import WireProtocol
import Worker

/// Pictures that workers make.
@Suite(.timeLimit(.minutes(5))) struct PictureTests {
    /// Runs with a decoder that counts what is left to it.
    private static func run(
        _ workers: [TestWorker], images: Int = 6
    ) async throws -> (record: RunRecord, decodedHere: Int) {
        let count = Atomic(0)
        let decoder = GreyDecoder { _ in count.wrappingAdd(1, ordering: .relaxed) }
        let record = try await withWorkers(workers) { addresses in
            try await TestCluster.coordinator(addresses) { $0.wantsPictures = true }
                .record(TestCluster.requests(images), decoder: decoder)
        }
        #expect(record.summary.completedCount == images)
        return (record, count.load(ordering: .relaxed))
    }

    @Test func workersMakeThePicturesOfTheirLatents() async throws {
        let (record, decodedHere) = try await Self.run([TestWorker(), TestWorker()])
        #expect(decodedHere == 0 && record.summary.decodeSeconds == 0)
        for image in record.images {
            let expected = try HashChainGenerator().picture(of: image.latents)
            #expect(image.image == expected.image)
            #expect(image.workerDecodeClass == "hash" && image.decodeSeconds == 0.5)
        }
    }

    @Test func whatAWorkerCanNotDecodeIsDecodedHere() async throws {
        let poor = TestWorker(HashChainGenerator(refusesPictures: true))
        let (record, decodedHere) = try await Self.run([poor])
        #expect(decodedHere == 6)
        #expect(record.images.allSatisfy { $0.workerDecodeClass == nil })
    }

    /// A picture belongs to the result that follows it, and to no other.
    @Test func picturesOfOtherLeasesAreForgotten() throws {
        var subject = CoordinatorSubject(workers: 2, images: 1) { $0.wantsPictures = true }
        _ = subject(.start)
        let first = try #require(CoordinatorSubject.leases(subject.join(1)).first?.lease)
        let picture = try HashChainGenerator().picture(
            of: HashChainGenerator.latents(for: TestCluster.requests(1)[0]))
        #expect(subject.hear(1, .picture(first, picture)).isEmpty)
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now = .seconds(1)
        let second = try #require(CoordinatorSubject.leases(subject.join(2)).first?.lease)
        let decoded = try subject.result(2, second).compactMap { action -> Bool? in
            if case .decode(let stored) = action { stored.picture != nil } else { nil }
        }
        #expect(decoded == [false])
    }

    @Test func picturesOfAnotherSizeAreNotTaken() throws {
        var subject = CoordinatorSubject(workers: 1, images: 1) { $0.wantsPictures = true }
        _ = subject(.start)
        let lease = try #require(CoordinatorSubject.leases(subject.join(1)).first?.lease)
        let small = WorkerPicture(
            image: RGBImage(width: 1, height: 1, bytes: [1, 2, 3]), kernelClass: "hash",
            seconds: 1)
        _ = subject.hear(1, .picture(lease, small))
        let decoded = try subject.result(1, lease).compactMap { action -> Bool? in
            if case .decode(let stored) = action { stored.picture != nil } else { nil }
        }
        #expect(decoded == [false])
    }

    /// Latents do not depend on the decoder: a worker with another one samples, and is not asked
    /// for pictures; one that it sends all the same is not taken.
    @Test func workersWithAnotherDecoderOnlySample() throws {
        var subject = CoordinatorSubject(workers: 2, images: 2) { $0.wantsPictures = true }
        _ = subject(.start)
        var model = TestCluster.model
        model.vae[0] = 77
        func wantsPicture(_ actions: [CoordinatorStateMachine.Action]) -> [Bool] {
            CoordinatorSubject.sent(actions).compactMap { message -> Bool? in
                if case .prepare(_, let preparation) = message {
                    preparation.wantsPicture
                } else {
                    nil
                }
            }
        }
        let other = subject.join(1, model: model)
        let lease = try #require(CoordinatorSubject.leases(other).first?.lease)
        #expect(!wantsPicture(other).contains(true))
        #expect(wantsPicture(subject.join(2)).contains(true))
        let request = TestCluster.requests(1)[0]
        let picture = try HashChainGenerator().picture(of: HashChainGenerator.latents(for: request))
        #expect(subject.hear(1, .picture(lease, picture)).isEmpty)
        let decoded = try subject.result(1, lease).compactMap { action -> Bool? in
            if case .decode(let stored) = action { stored.picture != nil } else { nil }
        }
        #expect(decoded == [false])
    }

    /// What was not acknowledged is sent again with its picture.
    @Test func aResentResultBringsItsPicture() throws {
        var subject = WorkerStateMachineTests.Subject()
        subject.greet(1)
        let lease = WorkerStateMachineTests.lease(0)
        _ = subject(.received(1, .prepare(lease, Preparation(wantsPicture: true))))
        _ = subject.assign(1, item: 0)
        let picture = WorkerPicture(
            image: RGBImage(width: 1, height: 1, bytes: [1, 2, 3]), kernelClass: "hash",
            seconds: 1)
        #expect(subject(.decoded(1, picture)).isEmpty)
        #expect(WorkerStateMachineTests.types(subject.finish(1)) == [.picture, .result])
        _ = subject(.disconnected(1, reason: "reset"))
        #expect(
            WorkerStateMachineTests.types(subject.greet(2)) == [.welcome, .picture, .result])
    }
}
