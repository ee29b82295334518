// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import Synchronization
import TestSupport
import Testing
import WireProtocol
import Worker

/// Both ends of checkpoints over real sockets: the worker that samples image 0 is killed after
/// step 7 of 10, and the other one, which samples image 1 until then, takes it over.
///
/// Each has one image and no room for another, so that no worker samples a copy.
@Suite(.timeLimit(.minutes(5))) struct ResumptionTests {
    private struct Outcome {
        var image: FinishedImage
        /// Steps that the survivor did of image 0.
        var steps: [Int]
        var events: [CoordinatorEvent]
    }

    private static let requests = TestCluster.requests(2, steps: 10)

    private static func run(
        classes: [String] = ["hash", "hash"], spoils: Bool = false
    ) async throws -> Outcome {
        let (isLost, isResumed) = (Gate(), Gate())
        let steps = classes.map { _ in Recorder<Int>() }
        let workers = zip(classes, steps).map { name, steps in
            let generator = HashChainGenerator(
                beforeStep: { request, step in
                    if request.seed == 1 { return isResumed.wait() }
                    if step > 7 { isLost.wait() }
                    steps.record(step)
                }, spoilsCheckpoints: spoils)
            return TestWorker(generator) {
                $0.kernelClass = name
                $0.credits = 1
            }
        }
        let victim = Atomic(-1)
        let record = try await withWorkers(workers) { addresses in
            let names = addresses.map(\.description)
            let coordinator = TestCluster.coordinator(addresses) { $0.checkpoints = .every(3) }
            return try await coordinator.record(requests) { event in
                switch event {
                case .progress(0, let worker, 7, _, _, _) where victim.load(ordering: .relaxed) < 0:
                    let index = names.firstIndex(of: worker) ?? 0
                    victim.store(index, ordering: .relaxed)
                    workers[index].kill()
                case .retried(0, _):
                    // The other one has never heard of image 0 before its own is done.
                    isLost.open()
                    isResumed.open()
                default: break
                }
            }
        }
        let image = try #require(record.images.first { $0.result.image == ImageNumber(0) })
        #expect(try image.latents == HashChainGenerator.latents(for: requests[0]))
        #expect(record.images.count == 2)
        let survivor = 1 - victim.load(ordering: .relaxed)
        return Outcome(image: image, steps: steps[survivor].all, events: record.events)
    }

    @Test func noStepBeforeTheCheckpointIsDoneAgain() async throws {
        let outcome = try await Self.run()
        #expect(outcome.image.result.facts.resumedStep == 6 && outcome.image.result.attempt == 2)
        #expect(outcome.steps == [7, 8, 9, 10])
        #expect(
            outcome.events.contains(
                .resumed(image: 0, worker: outcome.image.result.worker, step: 6))
        )
    }

    @Test(arguments: [(["hash", "other"], false), (["hash", "hash"], true)])
    func otherKernelsAndDamagedCheckpointsRestartTheImage(
        _ classes: [String], _ spoils: Bool
    ) async throws {
        let outcome = try await Self.run(classes: classes, spoils: spoils)
        #expect(outcome.image.result.facts.resumedStep == 0 && outcome.image.result.attempt == 2)
        #expect(outcome.steps == Array(1...10))
    }
}
