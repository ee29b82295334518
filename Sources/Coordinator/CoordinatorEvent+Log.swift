// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Logging

/// Events as records of a log: one per change, and no text of a prompt.
extension CoordinatorEvent {
    var logLevel: Logger.Level {
        switch self {
        case .progress, .previewed: .trace
        case .workerJoined, .workerBusy, .workerReturned, .workerDraining, .workerDrained,
            .workerResumed, .assigned, .resumed, .completed, .cancelled:
            .info
        case .workerRefused, .workerLost, .workerQuarantined, .imageOverdue, .notUnderstood,
            .retried:
            .warning
        case .failed: .error
        case .resultsDiffer: .critical
        }
    }

    var logMessage: Logger.Message {
        switch self {
        case .workerJoined: "worker joined"
        case .workerRefused: "worker refused"
        case .workerBusy: "worker busy"
        case .workerLost: "worker lost"
        case .workerQuarantined: "worker quarantined"
        case .workerReturned: "worker returned"
        case .workerDraining: "worker draining"
        case .workerDrained: "worker drained"
        case .workerResumed: "worker resumed"
        case .assigned: "image assigned"
        case .progress: "image progress"
        case .previewed: "image previewed"
        case .resumed: "image resumed"
        case .imageOverdue: "image overdue"
        case .notUnderstood: "image not understood"
        case .retried: "image retried"
        case .completed: "image completed"
        case .failed: "image failed"
        case .cancelled: "image cancelled"
        case .resultsDiffer: "results differ"
        }
    }

    var logMetadata: Logger.Metadata {
        switch self {
        case .workerJoined(let worker, let description):
            [
                "worker.id": "\(worker)", "name": "\(description.name)",
                "build": "\(description.build)", "kernel.class": "\(description.kernelClass)",
                "cores": "\(description.coreCount)",
            ]
        case .workerRefused(let worker, let reason), .workerBusy(let worker, let reason):
            ["worker.id": "\(worker)", "reason": "\(reason)"]
        case .workerLost(let worker, let reason, let willRetry):
            ["worker.id": "\(worker)", "reason": "\(reason)", "retry": "\(willRetry)"]
        case .workerQuarantined(let worker, let reason, let seconds):
            ["worker.id": "\(worker)", "reason": "\(reason)", "seconds": "\(seconds)"]
        case .workerReturned(let worker), .workerDraining(let worker), .workerDrained(let worker),
            .workerResumed(let worker):
            ["worker.id": "\(worker)"]
        case .assigned(let image, let worker, let attempt):
            ["image": "\(image)", "worker.id": "\(worker)", "attempt": "\(attempt)"]
        case .progress(let image, let worker, let step, let stepCount, _, let seconds):
            [
                "image": "\(image)", "worker.id": "\(worker)", "step": "\(step)",
                "steps": "\(stepCount)", "seconds": "\(seconds)",
            ]
        case .previewed(let image, let preview): ["image": "\(image)", "step": "\(preview.step)"]
        case .resumed(let image, let worker, let step):
            ["image": "\(image)", "worker.id": "\(worker)", "step": "\(step)"]
        case .imageOverdue(let image, let worker, let seconds):
            ["image": "\(image)", "worker.id": "\(worker)", "seconds": "\(seconds)"]
        case .notUnderstood(let image, let worker, let reason):
            ["image": "\(image)", "worker.id": "\(worker)", "reason": "\(reason)"]
        case .retried(let image, let failure):
            [
                "image": "\(image)", "worker.id": "\(failure.worker)",
                "attempt": "\(failure.attempt)", "reason": "\(failure.reason)",
            ]
        case .completed(let result):
            [
                "image": "\(result.image)", "worker.id": "\(result.worker)",
                "attempt": "\(result.attempt)",
                "seconds": "\(result.facts.timings.samplingSeconds)",
                "sha256": "\(Hexadecimal.text(result.facts.sha256))",
            ]
        case .failed(let image, let failures):
            [
                "image": "\(image)",
                "reason": "\(failures.map(\.description).joined(separator: "; "))",
            ]
        case .cancelled(let image): ["image": "\(image)"]
        case .resultsDiffer(let image, let worker, let firstWorker):
            ["image": "\(image)", "worker.id": "\(worker)", "first.worker.id": "\(firstWorker)"]
        }
    }
}
