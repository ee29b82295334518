// SPDX-License-Identifier: Apache-2.0

package import Coordinator
package import GenerationTypes
package import ProcessSupport
package import Runs
import Synchronization

/// A run in numbers, for Prometheus.
package final class RunMetrics: Sendable {
    private struct State {
        var stepSeconds = Histogram.seconds
        var samplingSeconds = 0.0
        var decodeSeconds = 0.0
        var traffic: (@Sendable () -> ByteCounts)?
    }

    private let monitor: RunMonitor
    private let state = Mutex(State())

    /// Follows a run.
    package init(monitor: RunMonitor) { self.monitor = monitor }

    /// Names what counts the bytes.
    package func count(_ traffic: @escaping @Sendable () -> ByteCounts) {
        state.withLock { $0.traffic = traffic }
    }

    /// Applies an event of the cluster.
    package func note(_ event: CoordinatorEvent) {
        // Steps that a checkpoint saved are progress that took no time.
        guard case .progress(_, _, _, _, let newSteps, let seconds) = event, seconds > 0 else {
            return
        }
        state.withLock { $0.stepSeconds.add(seconds, count: newSteps) }
    }

    /// Counts the time of a picture.
    package func note(_ finished: FinishedImage) {
        state.withLock {
            $0.samplingSeconds += finished.result.facts.timings.samplingSeconds
            $0.decodeSeconds += finished.decodeSeconds
        }
    }

    /// The page as it is now.
    package var page: PrometheusText {
        let status = monitor.status
        let state = state.withLock { $0 }
        var page = PrometheusText()
        Self.add(status, to: &page)
        page.add("retom_step_seconds", "Time of one denoising step.", state.stepSeconds)
        page.add(
            "retom_sampling_seconds_total", .counter,
            "Workers' time spent on received images.",
            state.samplingSeconds)
        page.add(
            "retom_decode_seconds_total", .counter, "Time for decoding them, here or at workers.",
            state.decodeSeconds)
        let sum = state.samplingSeconds + state.decodeSeconds
        page.add(
            "retom_decode_share_ratio", .gauge, "Decoding's part of both.",
            sum > 0 ? state.decodeSeconds / sum : 0)
        if let traffic = state.traffic?() {
            page.add(
                "retom_wire_bytes_total", .counter, "Bytes on all connections to workers.",
                [
                    (["direction": "received"], Double(traffic.received)),
                    (["direction": "sent"], Double(traffic.sent)),
                ])
        }
        ProcessMetrics.add(to: &page)
        return page
    }

    private static func add(_ status: RunStatus, to page: inout PrometheusText) {
        let images = status.images
        page.add(
            "retom_images", .gauge, "Images that are asked for and not finished.",
            [
                (["state": "queued"], Double(images.queued)),
                (["state": "sampling"], Double(images.sampling)),
                (["state": "decoding"], Double(images.decoding)),
            ])
        page.add(
            "retom_images_total", .counter, "Images that are finished, by outcome.",
            [
                (["outcome": "written"], Double(images.written)),
                (["outcome": "failed"], Double(images.failed)),
            ])
        page.add(
            "retom_attempts_total", .counter, "Times that an image was given to a worker.",
            Double(status.attempts))
        page.add(
            "retom_retries_total", .counter, "Attempts that failed and were followed by another.",
            Double(status.retries))
        page.add(
            "retom_workers", .gauge, "Workers, by what they do.",
            RunStatus.Worker.State.allCases.map { state in
                (["state": state.rawValue], Double(status.workers.count { $0.state == state }))
            })
        page.add(
            "retom_steps_per_second", .gauge, "Denoising steps of all workers.",
            status.stepsPerSecond)
        if let seconds = status.remainingSeconds {
            page.add("retom_remaining_seconds", .gauge, "Until all images are finished.", seconds)
        }
    }
}
