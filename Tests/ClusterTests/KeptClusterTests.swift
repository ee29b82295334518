// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import HashChain
import Testing
import Worker

/// A coordinator that is kept between batches, over loopback sockets.
@Suite(.timeLimit(.minutes(1))) struct KeptClusterTests {
    private static func requests(_ seeds: Range<Int>) -> [GenerationRequest] {
        Array(TestCluster.requests(seeds.upperBound)[seeds])
    }

    @Test func batchesComeAndGo() async throws {
        let gate = Gate()
        let worker = TestWorker(
            HashChainGenerator(beforeStep: { request, step in
                if request.seed == 3, step == 2 { gate.wait() }
            })
        ) { $0.credits = 1 }
        let (images, events) = (Recorder<FinishedImage>(), Recorder<CoordinatorEvent>())
        let summary = try await withWorkers([worker]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            let running = try coordinator.start(
                end: .never, decoder: GreyDecoder(), onEvent: { events.record($0) },
                consume: { images.record($0) })
            coordinator.submit(Self.requests(0..<3))
            _ = await images.first { $0.result.image == ImageNumber(2) ? true : nil }
            // The worker hangs in the first of these two images until they are cancelled.
            let unwanted = coordinator.submit(Self.requests(3..<5))
            #expect(unwanted.images.map(\.number) == [3, 4])
            _ = await events.first { event in
                if case .progress(3, _, 1, _, _, _) = event { true } else { nil }
            }
            coordinator.cancel(unwanted.id)
            _ = await events.first { $0 == .cancelled(item: 4) ? true : nil }
            gate.open()
            coordinator.submit(Self.requests(5..<7))
            coordinator.drain()
            return try await running.wait()
        }
        #expect(summary.completedCount == 5)
        #expect(images.all.map(\.result.image.rawValue) == [0, 1, 2, 5, 6])
        for image in images.all {
            #expect(image.request == TestCluster.requests(7)[image.result.image.rawValue])
            #expect(try image.latents == HashChainGenerator.latents(for: image.request))
        }
        #expect(events.all.contains(.cancelled(item: 3)))
        let joins = events.all.count { if case .workerJoined = $0 { true } else { false } }
        #expect(joins == 1, "the worker stayed between the batches")
    }

    @Test func batchesMayBeSubmittedBeforeTheStart() async throws {
        let images = Recorder<Int>()
        let summary = try await withWorkers([TestWorker()]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            coordinator.submit(Self.requests(0..<2))
            coordinator.submit(Self.requests(2..<4))
            let running = try coordinator.start(
                end: .whenEmpty, decoder: GreyDecoder(),
                consume: { images.record($0.result.image.rawValue) })
            return try await running.wait()
        }
        #expect(summary.completedCount == 4 && images.all == [0, 1, 2, 3])
    }

    @Test func cancellingEverythingEndsIt() async throws {
        try await withWorkers([TestWorker()]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            let joins = Recorder<Bool>()
            let running = try coordinator.start(
                end: .never, decoder: nil,
                onEvent: { if case .workerJoined = $0 { joins.record(true) } },
                consume: { _ in })
            _ = await joins.first { $0 }
            coordinator.cancel()
            let error = await #expect(throws: CoordinatorError.self) {
                try await running.wait()
            }
            guard case .cancelled = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }
}
