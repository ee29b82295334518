// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import RunService
import Runs
import TestSupport
import Testing

/// What people see of the cluster's events.
@Suite struct RunEventTests {
    private static let result = ImageResult(
        image: ImageNumber(3), worker: "a:1", kernelClass: "k", attempt: 2,
        facts: SampledImage.Facts(channels: 1, height: 1, width: 1, sha256: Array(0..<32)))

    private static let failures = [
        FailedAttempt(worker: "a:1", attempt: 1, reason: "reset"), FailedAttempt(reason: "no more"),
    ]

    @Test(
        arguments: [
            (
                .workerJoined(
                    worker: "a:1",
                    WorkerDescription(
                        name: "n", build: "b", kernelClass: "k", coreCount: 2, memoryByteCount: 1)),
                .workerConnected(worker: "a:1", kernelClass: "k")
            ),
            (
                .workerLost(worker: "a:1", reason: "reset", willRetry: true),
                .workerLost(worker: "a:1", reason: "reset; trying again")
            ),
            (
                .workerLost(worker: "a:1", reason: "reset", willRetry: false),
                .workerLost(worker: "a:1", reason: "reset")
            ),
            (
                .assigned(image: 3, worker: "a:1", attempt: 2),
                .imageStarted(image: 3, worker: "a:1", attempt: 2)
            ),
            (
                .progress(
                    image: 3, worker: "a:1", step: 4, stepCount: 9, newSteps: 1, seconds: 0.5),
                .imageProgress(image: 3, worker: "a:1", step: 4, stepCount: 9)
            ),
            (
                .retried(image: 3, failure: failures[0]),
                .imageRetried(image: 3, worker: "a:1", reason: "reset")
            ),
            (.completed(result), .imageSampled(image: 3, worker: "a:1")),
            (
                .failed(image: 3, failures: failures),
                .imageFailed(image: 3, reason: "a:1: reset; no more")
            ),
        ] as [(CoordinatorEvent, RunEvent)])
    func anEventIsShown(_ event: CoordinatorEvent, as shown: RunEvent) {
        #expect(RunEvent.events(for: event) == [shown])
    }

    @Test func theBeginningOfAnImageIsNoProgress() {
        let event = CoordinatorEvent.progress(
            image: 3, worker: "a:1", step: 0, stepCount: 9, newSteps: 0, seconds: 0)
        #expect(RunEvent.events(for: event).isEmpty)
    }
}
