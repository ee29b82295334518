// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import NodeSupport
import ProcessSupport
import Synchronization
import Worker

/// A worker's metrics, for Prometheus.
final class WorkerMetrics: Sendable {
    private struct State {
        /// By number and attempt: one that is given back may never have begun.
        var sampling: Set<[Int]> = []
        var hasCoordinator = false
        var finishedCount = 0
        var failedCount = 0
        var strangerCount = 0
        var imageSeconds = Histogram.seconds
    }

    private let state = Mutex(State())

    /// Applies an event.
    func note(_ event: WorkerEvent) {
        state.withLock { state in
            switch event {
            case .coordinatorJoined: state.hasCoordinator = true
            case .coordinatorLeft: state.hasCoordinator = false
            case .strangerRejected: state.strangerCount += 1
            case .imageBegan(let item, let attempt): state.sampling.insert([item, attempt])
            case .imageFinished(let item, let attempt, let seconds):
                state.sampling.remove([item, attempt])
                state.finishedCount += 1
                state.imageSeconds.add(seconds)
            case .imageCancelled(let item, let attempt): state.sampling.remove([item, attempt])
            case .imageFailed(let item, let attempt, _):
                state.sampling.remove([item, attempt])
                state.failedCount += 1
            case .listening, .coordinatorRefused, .imageResumed, .checkpointIgnored,
                .imageNotDecoded, .drained:
                break
            }
        }
    }

    /// The current page.
    func page(_ traffic: ByteCounts) -> PrometheusText {
        let state = state.withLock { $0 }
        var page = PrometheusText()
        page.add(
            "retom_worker_images_total", .counter, "Images, by outcome.",
            [
                (["outcome": "sampled"], Double(state.finishedCount)),
                (["outcome": "given_back"], Double(state.failedCount)),
            ])
        page.add(
            "retom_worker_image_seconds", "Time of one image, text and steps.", state.imageSeconds)
        page.add(
            "retom_worker_sampling", .gauge, "Images that it samples now.",
            Double(state.sampling.count))
        page.add(
            "retom_worker_coordinator", .gauge, "1 while it works for a coordinator.",
            state.hasCoordinator ? 1 : 0)
        page.add(
            "retom_worker_rejections_total", .counter, "Rejected connections.",
            Double(state.strangerCount))
        page.add(
            "retom_wire_bytes_total", .counter, "Bytes on all connections.",
            [
                (["direction": "received"], Double(traffic.received)),
                (["direction": "sent"], Double(traffic.sent)),
            ])
        ProcessMetrics.add(to: &page)
        return page
    }
}
