// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import Synchronization
import TestSupport
import Testing
import WireProtocol
import Worker

/// Whole runs over loopback sockets.
@Suite(.timeLimit(.minutes(5))) struct ClusterTests {
    @Test func oneWorkerGeneratesEverythingInPromptOrder() async throws {
        let requests = TestCluster.requests(5)
        let worker = TestWorker()
        let record = try await withWorkers([worker]) { addresses in
            try await TestCluster.coordinator(addresses).record(requests)
        }
        #expect(record.summary.completedCount == 5)
        #expect(record.summary.failures.isEmpty)
        #expect(record.images.map(\.result.image.rawValue) == [0, 1, 2, 3, 4])
        for image in record.images {
            let expected = try HashChainGenerator.latents(
                for: requests[image.result.image.rawValue])
            #expect(image.latents == expected)
            #expect(image.result.facts.sha256 == expected.sha256)
            #expect(image.request == requests[image.result.image.rawValue])
            #expect(image.image.width == 64)
            #expect(image.result.facts.timings.textEncodingSeconds == 0.25)
            #expect(
                image.result.facts.tokenMerging.computedPlanCount
                    == image.request.inferenceStepCount)
            #expect(image.result.attempt == 1)
        }
        let steps = record.events.compactMap { event -> Int? in
            if case .progress(2, _, let step, 4, _, _) = event { step } else { nil }
        }
        #expect(steps == [0, 1, 2, 3, 4])
    }

    @Test func twoWorkersGiveTheSameBytesAsOne() async throws {
        let requests = TestCluster.requests(12)
        let one = try await withWorkers([TestWorker()]) { addresses in
            try await TestCluster.coordinator(addresses).record(requests)
        }
        // Both get work when neither finishes an image before both are there.
        let gate = Gate(locks: 2)
        let slow = HashChainGenerator(beforeStep: { _, _ in gate.wait() })
        let two = try await withWorkers([TestWorker(slow), TestWorker(slow)]) { addresses in
            try await TestCluster.coordinator(addresses).record(requests) { event in
                if case .workerJoined = event { gate.open() }
            }
        }
        #expect(one.latentsByItem == two.latentsByItem)
        #expect(Set(two.images.map(\.result.worker)).count == 2)
    }

    @Test func workerKilledMidImageLosesNothing() async throws {
        let requests = TestCluster.requests(6, steps: 10)
        let (gate, loss) = (Gate(), Gate())
        let victim = TestWorker(
            HashChainGenerator(beforeStep: { _, step in if step > 3 { gate.wait() } }))
        // It would be done with everything before the loss is seen.
        let survivor = TestWorker(HashChainGenerator(beforeStep: { _, _ in loss.wait() }))
        let record = try await withWorkers([victim, survivor]) { addresses in
            let victimName = addresses[0].description
            return try await TestCluster.coordinator(addresses).record(requests) { event in
                if case .progress(_, victimName, 3, _, _, _) = event {
                    victim.kill()
                    gate.open()
                } else if case .workerLost = event {
                    loss.open()
                }
            }
        }
        #expect(record.summary.completedCount == 6)
        for image in record.images {
            #expect(
                try image.latents
                    == HashChainGenerator.latents(for: requests[image.result.image.rawValue]))
        }
        let retried = record.events.compactMap { event -> FailedAttempt? in
            if case .retried(_, let failure) = event { failure } else { nil }
        }
        let failure = try #require(retried.first)
        #expect(failure.reason.contains("closed") || failure.reason.contains("reset"))
        #expect(record.images.contains { $0.result.attempt == 2 })
    }

    @Test func workerWithAnotherModelIsRefusedByName() async throws {
        let stranger = TestWorker(HashChainGenerator(salt: 1)) {
            $0.model.unet = [UInt8](repeating: 9, count: 32)
        }
        let gate = Gate()
        let friend = TestWorker(HashChainGenerator(beforeStep: { _, _ in gate.wait() }))
        let record = try await withWorkers([stranger, friend]) { addresses in
            try await TestCluster.coordinator(addresses).record(TestCluster.requests(4)) { event in
                if case .workerRefused = event { gate.open() }
            }
        }
        #expect(record.summary.completedCount == 4)
        let refusals = record.events.compactMap { event -> String? in
            if case .workerRefused(let worker, let reason) = event { worker + reason } else { nil }
        }
        #expect(refusals.count == 1)
        #expect(refusals.first?.contains("U-Net is 09090909, wanted 01010101") == true)
        #expect(Set(record.images.map(\.result.worker)).count == 1)
    }

    @Test func unreachableHostsAreNamedAndTheOthersContinue() async throws {
        let dead = DeadPort()
        let unknown = WorkerAddress(host: "no-such-host.invalid", port: 1)
        let gate = Gate(locks: 2)
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in gate.wait() }))
        let record = try await withWorkers([worker]) { addresses in
            try await TestCluster.coordinator([dead.address, unknown] + addresses)
                .record(TestCluster.requests(3)) { event in
                    if case .workerLost = event { gate.open() }
                }
        }
        #expect(record.summary.completedCount == 3)
        let lost = record.events.compactMap { event -> String? in
            if case .workerLost(let worker, let reason, _) = event {
                "\(worker): \(reason)"
            } else {
                nil
            }
        }
        #expect(lost.contains { $0.contains(dead.address.description) && $0.contains("refused") })
    }

    @Test func noUsableWorkerIsATypedError() async throws {
        let dead = DeadPort()
        let error = await #expect(throws: CoordinatorError.self) {
            try await TestCluster.coordinator([dead.address]).record(TestCluster.requests(2))
        }
        guard case .noUsableWorker(let reasons, let summary) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reasons.count == 1)
        #expect(reasons[0].contains(dead.address.description))
        #expect(summary.failures.count == 2)
        await #expect(throws: CoordinatorError.self) {
            try await TestCluster.coordinator([]).record(TestCluster.requests(2))
        }
    }

    @Test func allWorkersLostMidRunKeepsWhatWasDone() async throws {
        let worker = TestWorker(
            HashChainGenerator(beforeStep: { request, _ in
                if request.seed == 2 { throw RetryableGenerationError("out of memory") }
            }))
        let images = Recorder<Int>()
        let error = try await withWorkers([worker]) { addresses in
            await #expect(throws: CoordinatorError.self) {
                try await TestCluster.coordinator(addresses) {
                    $0.tolerance.strikeCountMax = 1
                    $0.tolerance.probeCountMax = 0
                }.run(TestCluster.requests(4), decoder: GreyDecoder()) {
                    images.record($0.result.image.rawValue)
                }
            }
        }
        guard case .noUsableWorker(let reasons, let summary) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reasons[0].contains("out of memory"))
        #expect(summary.completedCount == images.all.count)
        #expect(summary.completedCount + summary.failures.count == 4)
        #expect(summary.failures[2]?.first?.reason == "out of memory")
    }

    @Test func badRequestsFailAtOnceWithTheirReason() async throws {
        var requests = TestCluster.requests(4)
        requests[1].width = 72
        requests[3].inferenceStepCount = 0
        let record = try await withWorkers([TestWorker()]) { addresses in
            try await TestCluster.coordinator(addresses).record(requests)
        }
        #expect(record.summary.completedCount == 2)
        #expect(Set(record.summary.failures.keys) == [1, 3])
        #expect(record.summary.failures[1]?.count == 1)
        #expect(record.summary.failures[1]?[0].reason.contains("multiple of 64") == true)
        #expect(record.summary.failures[3]?[0].reason.contains("0 steps") == true)
    }

    @Test func notANumberFailsTheImageAndNamesTheStep() async throws {
        let record = try await withWorkers([TestWorker(HashChainGenerator(notANumberFromStep: 3))])
        {
            try await TestCluster.coordinator($0).record(TestCluster.requests(1))
        }
        #expect(
            record.summary.failures[0]?.first?.reason
                == "the latents are not finite after step 3 of 4")
    }

    @Test func failedDecodeFailsItsSlotOnly() async throws {
        let second = try HashChainGenerator.latents(for: TestCluster.requests(3)[1])
        let decoder = GreyDecoder { latents in
            if latents == second { throw SizeError(width: 1) }
        }
        let record = try await withWorkers([TestWorker()]) { addresses in
            try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(3), decoder: decoder)
        }
        #expect(record.images.map(\.result.image.rawValue) == [0, 2])
        #expect(record.summary.failures[1]?[0].reason.hasPrefix("decoding failed") == true)
    }
}
