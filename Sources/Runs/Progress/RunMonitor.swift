// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Synchronization

/// Follows a run: the one place where its events become its progress, readable from any thread.
package final class RunMonitor: Sendable {
    private struct State {
        var progress = RunProgress()
        var attempts = 0
        var retries = 0
    }

    private let clock: WallClock
    private let startedAt: Date
    private let seconds: @Sendable () -> Double
    private let state = Mutex(State())

    /// Nothing has happened yet.
    ///
    /// - Parameters:
    ///   - clock: dates what is shown.
    ///   - seconds: a clock that never goes back.
    package init(clock: WallClock, seconds: @escaping @Sendable () -> Double) {
        self.clock = clock
        startedAt = clock.now()
        self.seconds = seconds
    }

    /// Applies an event.
    ///
    /// - Parameter time: when it happened, on the monitor's clock; `nil` for now.
    package func note(_ event: RunEvent, at time: Double? = nil) {
        let time = time ?? seconds()
        state.withLock { state in
            state.progress.apply(event, at: time)
            switch event {
            case .imageStarted: state.attempts += 1
            case .imageRetried: state.retries += 1
            default: break
            }
        }
    }

    /// Reads the progress so far, and the seconds left if they are known.
    ///
    /// - Parameter time: now, on the monitor's clock.
    package func read<Value: Sendable>(
        at time: Double, _ body: (RunProgress, _ remainingSeconds: Double?) -> Value
    ) -> Value {
        state.withLock { state in
            let remaining = state.progress.remainingSeconds(at: time)
            return body(state.progress, remaining)
        }
    }

    /// When the run began, on the monitor's clock.
    package var startTime: Double { state.withLock { $0.progress.startTime } }

    /// The run as it is now.
    package var status: RunStatus {
        let time = seconds()
        return state.withLock { state in
            RunStatus(
                version: ProgramVersion.text,
                processIdentifier: ProcessInfo.processInfo.processIdentifier,
                startedAt: startedAt, updatedAt: clock.now(), images: state.progress.images,
                attempts: state.attempts, retries: state.retries,
                stepsPerSecond: state.progress.stepsPerSecond,
                remainingSeconds: state.progress.remainingSeconds(at: time),
                workers: state.progress.workers.map { state.progress.status(of: $0) })
        }
    }
}

extension RunProgress {
    fileprivate var images: RunStatus.Images {
        var images = RunStatus.Images()
        images.total = imageCount
        images.queued = queuedCount
        images.decoding = decodingCount
        images.written = writtenCount
        images.failed = failedCount
        images.sampling = imageCount - queuedCount - decodingCount - finishedCount
        return images
    }

    fileprivate func status(of worker: WorkerState) -> RunStatus.Worker {
        let isDrawing = worker.image != nil
        return RunStatus.Worker(
            name: worker.name,
            state: worker.lostReason != nil ? .lost : isDrawing ? .drawing : .idle,
            images: worker.imageCount, image: worker.image,
            step: isDrawing ? worker.step : nil,
            steps: worker.image.map { stepCounts[$0.rawValue] },
            secondsPerStep: worker.secondsPerStep, reason: worker.lostReason)
    }
}
