// SPDX-License-Identifier: Apache-2.0

import Requests
package import Runs

/// Tells a run's progress in plain lines, for logs and pipes: what matters at once, the rest
/// seldom.
package struct PlainProgress: Sendable {
    /// Least seconds between two lines about pictures.
    private static let pictureInterval: Double = 1
    /// Longest silence while steps are being done.
    private static let silenceMax: Double = 10

    private var lastTime = -Double.infinity

    /// Nothing has been said yet.
    package init() {}

    /// The lines for an event, which `progress` includes already.
    package mutating func lines(
        for event: RunEvent, progress: RunProgress, remainingSeconds: Double?, at time: Double
    ) -> [String] {
        guard let line = line(for: event, progress, remainingSeconds, time) else { return [] }
        lastTime = time
        return [TerminalText.sanitized(line)]
    }

    private func line(
        for event: RunEvent, _ progress: RunProgress, _ remainingSeconds: Double?, _ time: Double
    ) -> String? {
        switch event {
        case .workerConnected, .imageKept, .imageProgress, .imageStarted, .imageSampled,
            .imageWritten:
            routineLine(for: event, progress, remainingSeconds, time)
        default: RunMessage.text(for: event)
        }
    }

    private func routineLine(
        for event: RunEvent, _ progress: RunProgress, _ remainingSeconds: Double?, _ time: Double
    ) -> String? {
        switch event {
        case .workerConnected(let worker, let kernelClass, let pictures):
            let atOnce = pictures > 1 ? ", \(pictures) pictures at a time" : ""
            return "worker \(worker) is ready (\(kernelClass)\(atOnce))"
        case .imageWritten(_, let worker, let file, let seconds):
            guard time - lastTime >= PlainProgress.pictureInterval else { return nil }
            let cost = TerminalText.decimal(seconds, digits: 1)
            let count = "[\(progress.finishedCount)/\(progress.imageCount)]"
            return "\(count) \(file) (\(worker), \(cost) s)" + left(remainingSeconds, progress)
        default:
            guard time - lastTime >= PlainProgress.silenceMax, progress.fraction > 0 else {
                return nil
            }
            let rate = TerminalText.decimal(progress.stepsPerSecond, digits: 2)
            return """
                [\(progress.finishedCount)/\(progress.imageCount)] \
                \(Int(progress.fraction * 100)) % of all steps, \(rate) steps/s\
                \(left(remainingSeconds, progress))
                """
        }
    }

    private func left(_ seconds: Double?, _ progress: RunProgress) -> String {
        guard let seconds, progress.finishedCount < progress.imageCount else { return "" }
        return ", \(TerminalText.duration(seconds)) left"
    }
}

/// Sentences about events that matter beyond the moment.
package enum RunMessage {
    /// One sentence, or `nil` for events that only move the bar.
    package static func text(for event: RunEvent) -> String? {
        switch event {
        case .runStarted(let stepCounts, let baseSeed):
            "\(images(stepCounts.count)), seed \(baseSeed)"
        case .workerLost(let worker, let reason): "worker \(worker) is lost: \(reason)"
        case .imageRetried(let image, let worker, let reason):
            "image \(image) goes to another worker: \(worker): \(reason)"
        case .imageFailed(let image, let reason): "image \(image) failed: \(reason)"
        case .notice(let message): message
        case .warning(let message): "warning: \(message)"
        case .runFinished(let written, let failed, let kept, let seconds):
            finished(written: written, failed: failed, kept: kept, seconds: seconds)
        case .imageResumed(let image, let worker, let step):
            "image \(image) resumes at \(worker) from step \(step)"
        case .runAccepted(_, openCount: 0): "nothing is left to sample"
        case .runAccepted(let imageCount, let openCount) where openCount < imageCount:
            "resuming \(images(openCount)) of \(imageCount)"
        case .runAccepted, .imageKept, .workerConnected, .imageStarted, .imageProgress,
            .imageSampled, .imageWritten:
            nil
        }
    }

    private static func finished(
        written: Int, failed: Int, kept: Int, seconds: Double
    ) -> String {
        let drawn = max(0, written - kept)
        var text = "\(images(drawn)) in \(TerminalText.duration(seconds))"
        if drawn > 0, seconds > 0 {
            let each = seconds / Double(drawn)
            text += " (\(TerminalText.decimal(each, digits: each < 1 ? 2 : 1)) s per image)"
        }
        if kept > 0 { text += ", \(kept) from before" }
        if failed > 0 { text += ", \(failed) failed" }
        return text
    }

    private static func images(_ count: Int) -> String {
        count == 1 ? "1 image" : "\(count) images"
    }
}
