// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests

extension RunEvent {
    /// The event as one line of JSON, for `--json` on standard output.
    ///
    /// Every object has `event` and `time` (seconds since the run's beginning); then, by event:
    ///
    /// | `event` | fields |
    /// | --- | --- |
    /// | `run_started` | `image_count`, `step_count` (of all images), `base_seed` |
    /// | `run_accepted` | `image_count`, `open` (images without an outcome) |
    /// | `image_kept` | `index`, `outcome` (`written`, `sampled` or `failed` in an earlier session) |
    /// | `worker_connected` | `worker`, `kernel_class` |
    /// | `worker_lost` | `worker`, `reason` |
    /// | `image_started` | `index`, `worker`, `attempt` |
    /// | `image_progress` | `index`, `worker`, `step` (done so far), `steps` |
    /// | `image_resumed` | `index`, `worker`, `step` (of the checkpoint) |
    /// | `image_sampled` | `index`, `worker` |
    /// | `image_written` | `index`, `worker`, `file`, `seconds` |
    /// | `image_retried` | `index`, `worker`, `reason` |
    /// | `image_failed` | `index`, `reason` |
    /// | `notice` | `message` |
    /// | `warning` | `message` |
    /// | `run_finished` | `images_written`, `images_failed`, `images_kept` (of the written), `seconds` |
    ///
    /// - Parameter time: Seconds since the run's beginning.
    package func jsonLine(time: Double) -> String {
        var pairs = ["\"event\":\"\(name)\"", "\"time\":\(RunEvent.number(time))"]
        for (key, value) in fields { pairs.append("\"\(key)\":\(value)") }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private var name: String {
        switch self {
        case .runStarted: "run_started"
        case .runAccepted: "run_accepted"
        case .imageKept: "image_kept"
        case .workerConnected: "worker_connected"
        case .workerLost: "worker_lost"
        case .imageStarted: "image_started"
        case .imageProgress: "image_progress"
        case .imageResumed: "image_resumed"
        case .imageSampled: "image_sampled"
        case .imageWritten: "image_written"
        case .imageRetried: "image_retried"
        case .imageFailed: "image_failed"
        case .notice: "notice"
        case .warning: "warning"
        case .runFinished: "run_finished"
        }
    }

    /// Keys with values that are JSON already.
    private var fields: [(String, String)] {
        func text(_ value: String) -> String { JSONText.quoted(value) }
        return switch self {
        case .runStarted(let stepCounts, let baseSeed):
            [
                ("image_count", "\(stepCounts.count)"),
                ("step_count", "\(stepCounts.reduce(0, +))"), ("base_seed", "\(baseSeed)"),
            ]
        case .runAccepted(let imageCount, let openCount):
            [("image_count", "\(imageCount)"), ("open", "\(openCount)")]
        case .imageKept(let image, let outcome):
            [("index", "\(image)"), ("outcome", text(outcome.rawValue))]
        case .workerConnected(let worker, let kernelClass, let pictures):
            [
                ("worker", text(worker)), ("kernel_class", text(kernelClass)),
                ("pictures", "\(pictures)"),
            ]
        case .workerLost(let worker, let reason):
            [("worker", text(worker)), ("reason", text(reason))]
        case .imageStarted(let image, let worker, let attempt):
            [("index", "\(image)"), ("worker", text(worker)), ("attempt", "\(attempt)")]
        case .imageProgress(let image, let worker, let step, let stepCount):
            [
                ("index", "\(image)"), ("worker", text(worker)), ("step", "\(step)"),
                ("steps", "\(stepCount)"),
            ]
        case .imageResumed(let image, let worker, let step):
            [("index", "\(image)"), ("worker", text(worker)), ("step", "\(step)")]
        case .imageSampled(let image, let worker):
            [("index", "\(image)"), ("worker", text(worker))]
        case .imageWritten(let image, let worker, let file, let seconds):
            [
                ("index", "\(image)"), ("worker", text(worker)), ("file", text(file)),
                ("seconds", RunEvent.number(seconds)),
            ]
        case .imageRetried(let image, let worker, let reason):
            [("index", "\(image)"), ("worker", text(worker)), ("reason", text(reason))]
        case .imageFailed(let image, let reason):
            [("index", "\(image)"), ("reason", text(reason))]
        case .notice(let message), .warning(let message): [("message", text(message))]
        case .runFinished(let written, let failed, let kept, let seconds):
            [
                ("images_written", "\(written)"), ("images_failed", "\(failed)"),
                ("images_kept", "\(kept)"), ("seconds", RunEvent.number(seconds)),
            ]
        }
    }

    /// A finite number with three decimals at most.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        return String((value * 1000).rounded() / 1000)
    }
}
