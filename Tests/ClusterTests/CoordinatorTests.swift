// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import Synchronization
import TestSupport
import Testing
import Worker

/// Patience, bounds and ends of a run, over loopback sockets.
@Suite(.timeLimit(.minutes(5))) struct CoordinatorTests {
    @Test func slowDecoderHoldsTheWorkersBack() async throws {
        let gate = Gate()
        let waiting = Atomic(0)
        let decoder = GreyDecoder { _ in
            waiting.wrappingAdd(1, ordering: .relaxed)
            gate.wait()
        }
        let worker = TestWorker { $0.credits = 1 }
        try await withWorkers([worker]) { addresses in
            let completed = Recorder<Int>()
            let coordinator = TestCluster.coordinator(addresses) { $0.decodeBacklogMax = 2 }
            async let run = coordinator.record(TestCluster.requests(20), decoder: decoder) {
                event in
                if case .completed(let result) = event {
                    completed.record(result.image.rawValue)
                }
            }
            // The third result can't be asked for before a picture is out.
            _ = await completed.first { $0 == 1 ? true : nil }
            usleep(5000)
            #expect(completed.all == [0, 1])
            #expect(waiting.load(ordering: .relaxed) <= 1)
            gate.open()
            let record = try await run
            #expect(record.summary.completedCount == 20)
        }
    }

    @Test func slowConsumerHoldsTheWorkersBackToo() async throws {
        let worker = TestWorker { $0.credits = 1 }
        try await withWorkers([worker]) { addresses in
            let completed = Recorder<Int>()
            let peak = Mutex(0)
            let taken = Mutex(0)
            let coordinator = TestCluster.coordinator(addresses) { $0.decodeBacklogMax = 2 }
            _ = try await coordinator.run(
                TestCluster.requests(20), decoder: GreyDecoder(),
                onEvent: { event in
                    if case .completed(let result) = event {
                        completed.record(result.image.rawValue)
                    }
                },
                consume: { _ in
                    await Task.yield()
                    let backlog = completed.all.count - taken.withLock { $0 }
                    peak.withLock { $0 = max($0, backlog) }
                    taken.withLock { $0 += 1 }
                })
            #expect(peak.withLock { $0 } <= 2)
            #expect(taken.withLock { $0 } == 20)
        }
    }

    @Test func aListenerThatBlocksHoldsNothingUp() async throws {
        let gate = Gate()
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            let (drawn, told) = (Recorder<Int>(), Recorder<CoordinatorEvent>())
            let summary = try await TestCluster.coordinator(addresses).run(
                TestCluster.requests(30), decoder: GreyDecoder(),
                onEvent: {
                    gate.wait()
                    told.record($0)
                },
                consume: { image in
                    drawn.record(image.result.image.rawValue)
                    guard drawn.all.count == 30 else { return }
                    #expect(told.all.isEmpty, "all was drawn before anything was told")
                    gate.open()
                })
            #expect(summary.completedCount == 30)
            let completed = told.all.compactMap { event -> Int? in
                if case .completed(let result) = event { result.image.rawValue } else { nil }
            }
            #expect(completed == Array(0..<30), "all is told when the run returns, in order")
        }
    }

    @Test func hungStepsEndALeaseThoughPingsAreAnswered() async throws {
        let gate = Gate()
        let hung = TestWorker(
            HashChainGenerator(beforeStep: { _, step in if step == 2 { gate.wait() } }))
        let record = try await withWorkers([hung]) { addresses in
            defer { gate.open() }
            return try await TestCluster.coordinator(addresses) {
                // Long for a healthy worker, however busy the machine that runs the tests.
                $0.timeouts.stepTimeFloor = .seconds(1)
                $0.timeouts.stepTimeFactor = 1
                $0.timeouts.pingInterval = .milliseconds(20)
            }.record(TestCluster.requests(4)) { event in
                if case .retried = event { gate.open() }
            }
        }
        #expect(record.summary.completedCount == 4)
        let failures = record.events.compactMap { event -> FailedAttempt? in
            if case .retried(_, let failure) = event { failure } else { nil }
        }
        #expect(failures.first?.reason == "no step progress for 1.0 s")
    }

    @Test func hungWorkersImageIsSampledElsewhereMeanwhile() async throws {
        let gate = Gate()
        let hung = TestWorker(
            HashChainGenerator(beforeStep: { _, step in if step == 2 { gate.wait() } }))
        // The lease of the hung one would live for a minute.
        let record = try await withWorkers([hung, TestWorker()]) { addresses in
            defer { gate.open() }
            return try await TestCluster.coordinator(addresses).record(TestCluster.requests(4))
        }
        #expect(record.summary.completedCount == 4)
        #expect(!record.events.contains { if case .retried = $0 { true } else { false } })
        #expect(Set(record.images.map(\.result.worker)).count == 1)
    }

    @Test func cancelledRunFreesItsWorkers() async throws {
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in usleep(500) }))
        try await withWorkers([worker]) { addresses in
            let coordinator = TestCluster.coordinator(addresses)
            let consumed = Recorder<Int>()
            let error = await #expect(throws: CoordinatorError.self) {
                try await coordinator.run(TestCluster.requests(1000), decoder: GreyDecoder()) {
                    consumed.record($0.result.image.rawValue)
                    if $0.result.image == ImageNumber(2) { coordinator.cancel() }
                }
            }
            guard case .cancelled(let summary) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(summary.completedCount == consumed.all.count && summary.completedCount >= 3)
            #expect(summary.failures.isEmpty, "what was not generated did not fail")
            #expect(summary.traffic.latents > 0 && summary.seconds > 0)
            let record = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
        }
        let goodbyes = worker.events.all.filter {
            if case .coordinatorLeft(_, "the run is over") = $0 { true } else { false }
        }
        #expect(goodbyes.count == 2)
    }

    @Test func cancelledTaskEndsTheRun() async throws {
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in usleep(500) }))
        try await withWorkers([worker]) { addresses in
            let started = Recorder<Int>()
            let task = Task {
                try await TestCluster.coordinator(addresses).record(TestCluster.requests(1000)) {
                    if case .completed(let result) = $0 {
                        started.record(result.image.rawValue)
                    }
                }
            }
            _ = await started.first { $0 }
            task.cancel()
            let error = await #expect(throws: CoordinatorError.self) { _ = try await task.value }
            guard case .cancelled = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func consumersErrorEndsTheRun() async throws {
        _ = try await withWorkers([TestWorker()]) { addresses in
            let error = await #expect(throws: CoordinatorError.self) {
                _ = try await TestCluster.coordinator(addresses)
                    .run(TestCluster.requests(50), decoder: GreyDecoder()) { image in
                        if image.result.image == ImageNumber(3) { throw SizeError(width: 3) }
                    }
            }
            guard case .consumerFailed(let cause, let summary) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(cause is SizeError)
            #expect(summary.completedCount == 3)
        }
    }

    @Test func brokenWorkerFailsImagesOnlyAfterThreeAttempts() async throws {
        let gate = Gate(locks: 4)
        let broken = HashChainGenerator(beforeStep: { request, _ in
            gate.wait()
            if request.seed == 1 { throw RetryableGenerationError("disk on fire") }
        })
        let workers = (0..<4).map { _ in TestWorker(broken) }
        let record = try await withWorkers(workers) { addresses in
            try await TestCluster.coordinator(addresses).record(TestCluster.requests(4)) { event in
                if case .workerJoined = event { gate.open() }
            }
        }
        #expect(record.summary.completedCount == 3)
        let failures = try #require(record.summary.failures[1])
        #expect(failures.count == 3)
        #expect(Set(failures.map(\.worker)).count == 3)
        #expect(failures.allSatisfy { $0.reason == "disk on fire" })
    }

    @Test func noRequestsIsAnEmptyRun() async throws {
        try await withWorkers([TestWorker()]) { addresses in
            let record = try await TestCluster.coordinator(addresses).record([])
            #expect(record.summary.completedCount == 0)
            #expect(record.summary.failures.isEmpty)
        }
    }

    @Test func bytesOnTheWireAreCounted() async throws {
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            let traffic = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(3)).summary.traffic
            #expect(traffic.latents == 3 * (32 + 120 + 4 * 4 * 64))
            #expect(traffic.compressedLatents <= traffic.latents)
            #expect(traffic.received > traffic.compressedLatents)
            // What is sent last may still be on its way.
            for _ in 0..<1000 where worker.server.traffic.received < traffic.sent {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(worker.server.traffic.received == traffic.sent)
        }
    }

    @Test func deadHostThatNeverAnswersDoesNotDelayTheEnd() async throws {
        // TEST-NET-1: routed nowhere; either refused at once or silent until the timeout.
        let silent = WorkerAddress(host: "192.0.2.1", port: 7400)
        let record = try await withWorkers([TestWorker()]) { addresses in
            try await TestCluster.coordinator(addresses + [silent]) {
                $0.timeouts.connect = .seconds(300)
            }.record(TestCluster.requests(2))
        }
        #expect(record.summary.completedCount == 2)
        #expect(record.summary.seconds < 150, "the run does not wait for the host to time out")
    }
}
