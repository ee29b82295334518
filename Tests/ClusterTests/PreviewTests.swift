// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import TestSupport
import Testing
import WireProtocol
import Worker

/// Previews of images that somebody watches.
@Suite(.timeLimit(.minutes(5))) struct PreviewTests {
    typealias Action = CoordinatorStateMachine.Action

    private static let preview = LatentPreview(
        step: 1, channels: 4, height: 8, width: 8, scale: 1,
        values: Array(repeating: 5, count: 256))

    private static func lease(_ item: Int) -> Lease {
        WorkerStateMachineTests.lease(item)
    }

    private static func watches(_ actions: [Action]) -> [(lease: Lease, interval: Int)] {
        CoordinatorSubject.sent(actions).compactMap {
            if case .watch(let lease, let interval) = $0 { (lease, interval) } else { nil }
        }
    }

    private static func shown(_ actions: [Action]) -> [ImageNumber] {
        CoordinatorSubject.reports(actions).compactMap {
            if case .previewed(let image, _) = $0 { image } else { nil }
        }
    }

    // MARK: The coordinator

    @Test func workersAreAskedOnlyWhileSomebodyWatches() throws {
        var subject = CoordinatorSubject(workers: 1, images: 2)
        _ = subject(.start)
        let lease = try #require(CoordinatorSubject.leases(subject.join(1)).first?.lease)
        #expect(Self.shown(subject.hear(1, .preview(lease, Self.preview))).isEmpty)
        let asked = Self.watches(subject(.watch(image: 0, interval: .seconds(2))))
        #expect(asked.map(\.lease) == [lease] && asked.map(\.interval) == [2000])
        #expect(Self.watches(subject(.watch(image: 0, interval: .seconds(2)))).isEmpty)
        #expect(Self.shown(subject.hear(1, .preview(lease, Self.preview))) == [0])
        let ended = Self.watches(subject(.watch(image: 0, interval: nil)))
        #expect(ended.map(\.interval) == [0])
        // It was on its way.
        #expect(subject.hear(1, .preview(lease, Self.preview)).isEmpty)
        #expect(subject(.watch(image: 9, interval: .seconds(1))).isEmpty)
    }

    /// Whichever worker has the image next is asked as well.
    @Test func aWatchOutlivesItsWorker() throws {
        var subject = CoordinatorSubject(workers: 2, images: 1)
        _ = subject(.start)
        _ = subject(.watch(image: 0, interval: .seconds(1)))
        let joined = subject.join(1)
        #expect(CoordinatorSubject.types(joined) == [.prepare, .assign, .watch].suffix(2))
        _ = subject(.disconnected(1, reason: "reset"))
        subject.now = .seconds(1)
        let second = Self.watches(subject.join(2))
        #expect(second.count == 1)
    }

    @Test func resultsEndTheirPreviews() throws {
        var subject = CoordinatorSubject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(CoordinatorSubject.leases(subject.join(1)).first?.lease)
        _ = subject(.watch(image: 0, interval: .seconds(1)))
        _ = try subject.result(1, lease)
        #expect(subject.hear(1, .preview(lease, Self.preview)).isEmpty)
        #expect(subject(.watch(image: 0, interval: .seconds(3))).isEmpty)
    }

    @Test func previewsOfAnotherSizeEndTheConnection() throws {
        var subject = CoordinatorSubject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(CoordinatorSubject.leases(subject.join(1)).first?.lease)
        _ = subject(.watch(image: 0, interval: .seconds(1)))
        var small = Self.preview
        (small.height, small.values) = (4, Array(repeating: 5, count: 128))
        #expect(CoordinatorSubject.types(subject.hear(1, .preview(lease, small))) == [.goodbye])
    }

    @Test func olderWorkersAreNotAsked() throws {
        var subject = CoordinatorSubject(workers: 1, images: 1)
        _ = subject(.start)
        _ = subject(.connected(1))
        let node = NodeDescription(
            role: .worker, instance: [UInt8](repeating: 1, count: 16), name: "n", build: "b",
            kernelClass: "hash", coreCount: 1, memoryByteCount: 1, model: TestCluster.model,
            credits: 1, protocolMinor: 1)
        #expect(!CoordinatorSubject.leases(subject.hear(1, .welcome(node))).isEmpty)
        #expect(subject(.watch(image: 0, interval: .seconds(1))).isEmpty)
    }

    // MARK: The worker

    @Test func watchedImagesAreShownWhileTheyRun() {
        var subject = WorkerStateMachineTests.Subject()
        subject.greet(1)
        _ = subject.assign(1, item: 0)
        _ = subject.assign(1, item: 1)
        // The second one waits.
        let waiting = Message.watch(Self.lease(1), intervalMilliseconds: 500)
        #expect(subject(.received(1, waiting)).isEmpty)
        #expect(subject(.previewed(1, Self.preview)).isEmpty)
        let running = Message.watch(Self.lease(0), intervalMilliseconds: 700)
        #expect(subject(.received(1, running)) == [.watch(1, intervalMilliseconds: 700)])
        #expect(subject(.received(1, running)).isEmpty)
        #expect(
            subject(.previewed(1, Self.preview))
                == [.send(1, .preview(Self.lease(0), Self.preview))])
        let next = subject.finish(1)
        #expect(next.contains(.watch(2, intervalMilliseconds: 500)))
        #expect(subject(.previewed(1, Self.preview)).isEmpty)
        let end = Message.watch(Self.lease(1), intervalMilliseconds: 0)
        #expect(subject(.received(1, end)) == [.watch(2, intervalMilliseconds: 0)])
        #expect(subject(.previewed(2, Self.preview)).isEmpty)
        // Nobody's image.
        #expect(
            subject(.received(1, .watch(Self.lease(7), intervalMilliseconds: 1))).isEmpty)
    }

    // MARK: Both

    /// Latents are the same with previews and without.
    @Test func previewsComeOverTheNetwork() async throws {
        let gate = Gate()
        let steps = Recorder<Int>()
        let generator = HashChainGenerator(beforeStep: { _, step in
            if step == 2 { gate.wait() }
            // Longer than the interval; seconds in all, unless something is shown.
            if step > 2 { usleep(steps.all.isEmpty ? 20_000 : 2000) }
        })
        let request = TestCluster.requests(1, steps: 150)[0]
        let images = try await withWorkers([TestWorker(generator)]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            let images = Recorder<FinishedImage>()
            let events = Recorder<CoordinatorEvent>()
            try coordinator.submit([request])
            let running = try coordinator.start(
                end: .whenEmpty, decoder: GreyDecoder(),
                onEvent: { event in
                    events.record(event)
                    if case .previewed(_, let preview) = event {
                        steps.record(preview.step)
                    }
                },
                consume: { images.record($0) })
            _ = await events.first { event -> Bool? in
                if case .progress(_, _, 1, _, _, _) = event { true } else { nil }
            }
            coordinator.watch(0, every: .milliseconds(1))
            // It is on its way to the worker before the gate opens, or soon after.
            gate.open()
            _ = try await running.wait()
            return images.all
        }
        let shown = steps.all
        #expect(!shown.isEmpty && shown == shown.sorted() && shown.allSatisfy { $0 < 150 })
        #expect(images.map(\.latents) == [try HashChainGenerator.latents(for: request)])
    }
}
