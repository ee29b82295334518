// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import TestSupport
import Testing
import Worker

/// A coordinator that is kept between batches, over loopback sockets.
@Suite(.timeLimit(.minutes(5))) struct KeptClusterTests {
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
            try coordinator.submit(Self.requests(0..<3))
            _ = await images.first { $0.result.image == ImageNumber(2) ? true : nil }
            // The worker hangs in the first of these two images until they are cancelled.
            let unwanted = try coordinator.submit(Self.requests(3..<5))
            #expect(unwanted.images.map(\.number) == [3, 4])
            _ = await events.first { event in
                if case .progress(3, _, 1, _, _, _) = event { true } else { nil }
            }
            coordinator.cancel(unwanted.id)
            _ = await events.first { $0 == .cancelled(image: 4) ? true : nil }
            gate.open()
            try coordinator.submit(Self.requests(5..<7))
            coordinator.drain()
            #expect(throws: CoordinatorClosedError()) {
                try coordinator.submit(Self.requests(7..<8))
            }
            return try await running.wait()
        }
        #expect(summary.completedCount == 5)
        #expect(images.all.map(\.result.image.rawValue) == [0, 1, 2, 5, 6])
        for image in images.all {
            #expect(image.request == TestCluster.requests(7)[image.result.image.rawValue])
            #expect(try image.latents == HashChainGenerator.latents(for: image.request))
        }
        #expect(events.all.contains(.cancelled(image: 3)))
        let joins = events.all.count { if case .workerJoined = $0 { true } else { false } }
        #expect(joins == 1, "the worker stayed between the batches")
    }

    @Test func batchesMayBeSubmittedBeforeTheStart() async throws {
        let images = Recorder<Int>()
        let summary = try await withWorkers([TestWorker()]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            try coordinator.submit(Self.requests(0..<2))
            try coordinator.submit(Self.requests(2..<4))
            let running = try coordinator.start(
                end: .whenEmpty, decoder: GreyDecoder(),
                consume: { images.record($0.result.image.rawValue) })
            return try await running.wait()
        }
        #expect(summary.completedCount == 4 && images.all == [0, 1, 2, 3])
    }

    @Test func cancellingEverythingEndsIt() async throws {
        let events = Recorder<CoordinatorEvent>()
        try await withWorkers([TestWorker()]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            let running = try coordinator.start(
                end: .never, decoder: nil, onEvent: { events.record($0) }, consume: { _ in })
            _ = await events.first { if case .workerJoined = $0 { true } else { nil } }
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

    /// Who submits while another one drains gets an answer: an error, or an outcome per image.
    @Test func everySubmissionIsAnswered() async throws {
        let outcomes = Recorder<ImageNumber>()
        for _ in 0..<5 {
            let settled = Recorder<ImageNumber>()
            let accepted = try await withWorkers([TestWorker()]) { addresses in
                let coordinator = TestCluster.coordinator(addresses)
                let running = try coordinator.start(
                    end: .never, decoder: nil,
                    onEvent: { if let image = $0.settledImage { settled.record(image) } },
                    consume: { _ in })
                let submissions = Task {
                    var accepted: [ImageNumber] = []
                    while let batch = try? coordinator.submit(Self.requests(0..<2)) {
                        accepted += batch.images.map(\.number)
                        try? await Task.sleep(for: .milliseconds(1))
                    }
                    return accepted
                }
                _ = await settled.first { $0 }
                coordinator.drain()
                let accepted = await submissions.value
                _ = try await running.wait()
                return accepted
            }
            #expect(settled.all.sorted() == accepted)
            for image in accepted { outcomes.record(image) }
        }
        #expect(!outcomes.all.isEmpty)
    }
}

extension CoordinatorEvent {
    /// The image whose outcome this is.
    fileprivate var settledImage: ImageNumber? {
        switch self {
        case .completed(let result): result.image
        case .failed(let image, _), .cancelled(let image): image
        default: nil
        }
    }
}
