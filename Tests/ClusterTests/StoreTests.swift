// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import Synchronization
import Testing

/// What is on the disk, and when, over loopback sockets.
@Suite(.timeLimit(.minutes(5))) struct StoreTests {
    @Test func nothingIsAnnouncedBeforeItIsBooked() async throws {
        let store = RecordingStore()
        let early = Mutex<[Int]>([])
        try await withWorkers([TestWorker(), TestWorker()]) { addresses in
            let summary = try await TestCluster.coordinator(addresses).run(
                TestCluster.requests(12), decoder: GreyDecoder(), store: store,
                onEvent: { event in
                    guard case .completed(let result) = event else { return }
                    let item = result.image.rawValue
                    if !store.booked.contains(item) { early.withLock { $0.append(item) } }
                },
                consume: { _ in })
            #expect(summary.completedCount == 12)
        }
        #expect(early.withLock { $0 }.isEmpty)
        #expect(store.booked == Set(0..<12))
        #expect(store.unwritten.isEmpty, "booked before their latents were written")
    }

    @Test func aDiskErrorEndsTheRunAndIsNotTriedAgain() async throws {
        let store = RecordingStore(failingAfter: 3)
        try await withWorkers([TestWorker()]) { addresses in
            let error = await #expect(throws: CoordinatorError.self) {
                try await TestCluster.coordinator(addresses).run(
                    TestCluster.requests(12), decoder: GreyDecoder(), store: store,
                    consume: { _ in })
            }
            // The store's own error, not a text of it.
            guard case .consumerFailed(let cause, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(cause is RecordingStore.Broken)
        }
        #expect(store.booked.count >= 3 && store.booked.count < 12)
        #expect(store.failureCount == 1)
    }

    @Test func withoutADecoderLatentsAreTheResult() async throws {
        let store = RecordingStore()
        try await withWorkers([TestWorker()]) { addresses in
            let summary = try await TestCluster.coordinator(addresses) {
                $0.decodeBacklogMax = 1
            }.run(TestCluster.requests(6), decoder: nil, store: store, consume: { _ in })
            #expect(summary.completedCount == 6)
        }
        #expect(store.booked == Set(0..<6))
    }

    /// What workers save is kept for a later life of the run.
    @Test func checkpointsAreKept() async throws {
        let store = RecordingStore()
        try await withWorkers([TestWorker()]) { addresses in
            let summary = try await TestCluster.coordinator(addresses) {
                $0.checkpoints = .every(1)
            }.run(TestCluster.requests(2), decoder: GreyDecoder(), store: store, consume: { _ in })
            #expect(summary.completedCount == 2)
        }
        #expect(store.kept.mapValues(\.step) == [0: 3, 1: 3])
    }
}

extension StoreTests {
    /// The disk stands still while an image is sampled: only its newest checkpoint waits.
    @Test func aSlowDiskHoldsUpNoCheckpoints() async throws {
        let gate = Gate()
        let store = RecordingStore(keepingAfter: gate)
        try await withWorkers([TestWorker()]) { addresses in
            let summary = try await TestCluster.coordinator(addresses) {
                $0.checkpoints = .every(1)
            }.run(
                TestCluster.requests(1, steps: 20), decoder: GreyDecoder(), store: store,
                consume: { _ in })
            #expect(summary.completedCount == 1)
        }
        #expect(store.kept[0]?.step == 19)
        #expect(store.keepCount <= 2, "the one that the disk had begun with, and the newest")
    }
}

/// A store in memory whose disk may break.
private final class RecordingStore: RunStoring {
    struct Broken: Error, CustomStringConvertible { let description = "the disk broke" }

    private struct State {
        var written: Set<[UInt8]> = []
        var booked: Set<Int> = []
        var unwritten: Set<Int> = []
        var failureCount = 0
        var kept: [Int: SamplingCheckpoint] = [:]
        var keepCount = 0
    }
    private let state = Mutex(State())
    private let limit: Int
    private let gate: Gate?

    /// - Parameter gate: stops checkpoints until the first latents are written.
    init(failingAfter limit: Int = .max, keepingAfter gate: Gate? = nil) {
        self.limit = limit
        self.gate = gate
    }

    var booked: Set<Int> { state.withLock(\.booked) }
    var unwritten: Set<Int> { state.withLock(\.unwritten) }
    var kept: [Int: SamplingCheckpoint] { state.withLock(\.kept) }
    var keepCount: Int { state.withLock(\.keepCount) }
    var failureCount: Int { state.withLock(\.failureCount) }

    func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws {
        state.withLock { _ = $0.written.insert(sha256) }
        gate?.open()
    }

    func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        gate?.wait()
        state.withLock { state in
            state.kept[image.rawValue] = checkpoint
            state.keepCount += 1
        }
    }

    func commit(_ entries: [RunEntry]) throws {
        try state.withLock { state in
            guard state.booked.count < limit else {
                state.failureCount += 1
                throw Broken()
            }
            for case .result(let result) in entries {
                let item = result.image.rawValue
                if !state.written.contains(result.facts.sha256) { state.unwritten.insert(item) }
                state.booked.insert(item)
            }
        }
    }
}
