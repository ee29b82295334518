// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What is known about a run in progress: a pure function of events and their times.
package struct RunProgress: Sendable {
    /// What a worker is doing.
    package struct WorkerState: Sendable, Equatable {
        /// Name in messages.
        package var name: String
        /// The image being sampled, if any.
        package var image: ImageNumber?
        /// Steps done of that image.
        package var step = 0
        /// Images finished.
        package var imageCount = 0
        /// Why it is gone; `nil` while it is there.
        package var lostReason: String?
        /// Seconds per step, smoothed; `nil` before the first was seen.
        var secondsPerStep: Double?
        /// When the last step ended, or the image began.
        var lastStepTime: Double = 0
        /// Images that it holds and samples after this one.
        fileprivate var ahead: [ImageNumber] = []
        /// When the last step of the image before ended, where this one followed at once.
        fileprivate var lastEndTime: Double?
    }

    /// Steps of every image.
    package private(set) var stepCounts: [Int] = []
    /// Seed of image 0.
    package private(set) var baseSeed: UInt64?
    /// Pictures written.
    package private(set) var writtenCount = 0
    /// Images that failed.
    package private(set) var failedCount = 0
    /// Images sampled but not yet written.
    package private(set) var decodingCount = 0
    /// Workers in the order they came.
    package private(set) var workers: [WorkerState] = []
    /// When the run began.
    package private(set) var startTime: Double = 0

    private enum ImageState { case queued, sampling, sampled, written, failed }
    private var imageStates: [ImageState] = []
    // Running totals: a run may have a million images, and the display asks often.
    private var totalStepCount = 0
    private var finishedStepCount = 0
    private(set) var queuedCount = 0
    private var queuedStepCount = 0
    /// Seconds from latents to picture, smoothed.
    private var decodingSeconds: Double = 0
    private var sampledTimes: [ImageNumber: Double] = [:]
    private var remaining = RemainingTime()

    /// A run that has not begun.
    package init() {}

    /// Images asked for.
    package var imageCount: Int { stepCounts.count }
    /// Images with an outcome.
    package var finishedCount: Int { writtenCount + failedCount }

    /// Steps done per step to do, 0 to 1; an image that failed counts as done.
    package var fraction: Double {
        guard totalStepCount > 0 else { return 0 }
        let underWay = workers.reduce(0) { $0 + ($1.image == nil ? 0 : $1.step) }
        return min(1, Double(finishedStepCount + underWay) / Double(totalStepCount))
    }

    /// Denoising steps per second of all workers that are at work, from their smoothed step times.
    package var stepsPerSecond: Double {
        workers.reduce(0) { sum, worker in
            guard worker.image != nil, let seconds = worker.secondsPerStep, seconds > 0 else {
                return sum
            }
            return sum + 1 / seconds
        }
    }

    /// Applies an event.
    ///
    /// Times are seconds on a clock that never goes back.
    package mutating func apply(_ event: RunEvent, at time: Double) {
        if let image = event.image, !imageStates.indices.contains(image.rawValue) { return }
        switch event {
        case .runStarted(let stepCounts, let baseSeed):
            self.stepCounts = stepCounts
            self.baseSeed = baseSeed
            imageStates = Array(repeating: .queued, count: stepCounts.count)
            totalStepCount = stepCounts.reduce(0, +)
            (queuedCount, queuedStepCount) = (stepCounts.count, totalStepCount)
            startTime = time
        case .workerConnected(let worker, _):
            update(worker) { $0.lostReason = nil }
        case .workerLost(let worker, let reason):
            if let image = state(of: worker)?.image { setState(of: image, to: .queued) }
            update(worker) {
                $0.lostReason = reason
                $0.image = nil
                $0.ahead = []
            }
        case .imageStarted(let image, let worker, _):
            // A worker may hold its next image while it samples another: that one is still queued.
            if state(of: worker)?.image == nil {
                begin(image, on: worker, at: time)
            } else {
                update(worker) { $0.ahead.append(image) }
            }
        case .imageProgress(let image, let worker, let step, _):
            noteStep(image, worker: worker, step: step, time: time)
        case .imageResumed(let image, let worker, let step):
            begin(image, on: worker, at: time)
            let stepCount = stepCounts[image.rawValue]
            update(worker) { $0.step = min(step, stepCount) }
        case .imageSampled(let image, let worker):
            noteSampled(image, worker: worker, time: time)
        case .imageWritten(let image, _, _, _):
            noteWritten(image, time: time)
        case .imageKept(let image, .written): setState(of: image, to: .written)
        case .imageKept(let image, .sampled): setState(of: image, to: .sampled)
        case .imageKept(let image, .failed): setState(of: image, to: .failed)
        case .imageRetried(let image, let worker, _):
            setState(of: image, to: .queued)
            release(worker, from: image, at: time)
        case .imageFailed(let image, _):
            setState(of: image, to: .failed)
            for worker in workers { release(worker.name, from: image, at: time) }
        case .notice, .warning, .runAccepted, .runFinished: break
        }
    }

    /// Seconds until all images are finished; `nil` before a step was seen.
    ///
    /// Queued images go, in order, to whichever worker is free first, each worker at its own pace;
    /// what is shown counts down steadily and follows the estimate without jumping.
    package mutating func remainingSeconds(at time: Double) -> Double? {
        guard let estimate = estimatedSeconds(at: time) else { return nil }
        return remaining.shown(estimate: estimate, at: time)
    }

    private func estimatedSeconds(at time: Double) -> Double? {
        let paces = workers.compactMap(\.secondsPerStep)
        guard !paces.isEmpty else { return nil }
        // A worker that has shown no step yet is taken for an average one.
        let average = paces.reduce(0, +) / Double(paces.count)
        var freeTimes: [(free: Double, pace: Double)] = []
        for worker in workers where worker.lostReason == nil {
            let pace = worker.secondsPerStep ?? average
            guard let image = worker.image else {
                freeTimes.append((0, pace))
                continue
            }
            let left = Double(stepCounts[image.rawValue] - worker.step) * pace
            // The step under way is partly done.
            freeTimes.append((max(0, left - min(time - worker.lastStepTime, pace)), pace))
        }
        guard !freeTimes.isEmpty else { return nil }
        let estimate = FinishEstimate(
            workers: freeTimes, queuedCount: queuedCount, queuedStepCount: queuedStepCount)
        let queued = imageStates.indices.lazy.filter { imageStates[$0] == .queued }
        return estimate.seconds(stepCounts: queued.map { stepCounts[$0] }) + decodingSeconds
    }

    private mutating func begin(_ image: ImageNumber, on worker: String, at time: Double) {
        if imageStates[image.rawValue] == .queued { setState(of: image, to: .sampling) }
        update(worker) {
            $0.image = image
            $0.step = 0
            $0.lastStepTime = time
            $0.lastEndTime = nil
            $0.ahead.removeAll { $0 == image }
        }
    }

    private mutating func noteStep(_ image: ImageNumber, worker: String, step: Int, time: Double) {
        let isKnown = state(of: worker)?.image == image
        let stepCount = stepCounts[image.rawValue]
        if !isKnown { begin(image, on: worker, at: time) }
        update(worker) {
            guard step > $0.step else { return }
            let seconds = max(0, time - $0.lastStepTime) / Double(step - $0.step)
            // An image's first step may include text encoding, and its beginning may have gone
            // unnoticed: it counts only while nothing else is known, or where there is no second.
            if let known = $0.secondsPerStep, $0.step > 0 {
                $0.secondsPerStep = known + 0.1 * (seconds - known)
            } else if let known = $0.secondsPerStep, stepCount == 1, isKnown {
                // From end to end; the first of all may have packed weights.
                let whole = $0.lastEndTime.map { time - $0 } ?? seconds
                $0.secondsPerStep = known + 0.5 * (whole - known)
            } else if $0.secondsPerStep == nil, isKnown, seconds > 0 {
                $0.secondsPerStep = seconds
            }
            $0.step = min(step, stepCount)
            $0.lastStepTime = time
        }
    }

    private mutating func noteSampled(_ image: ImageNumber, worker: String, time: Double) {
        setState(of: image, to: .sampled)
        sampledTimes[image] = time
        release(worker, from: image, at: time)
        update(worker) { $0.imageCount += 1 }
    }

    private mutating func noteWritten(_ image: ImageNumber, time: Double) {
        guard let sampledTime = sampledTimes.removeValue(forKey: image) else {
            setState(of: image, to: .written)
            return
        }
        let seconds = time - sampledTime
        decodingSeconds =
            writtenCount == 0
            ? seconds : decodingSeconds + 0.2 * (seconds - decodingSeconds)
        setState(of: image, to: .written)
    }

    private mutating func setState(of image: ImageNumber, to state: ImageState) {
        let old = imageStates[image.rawValue]
        // What is on disk stays: a duplicate's late report changes nothing.
        guard old != state, old != .written else { return }
        count(old, by: -1, steps: stepCounts[image.rawValue])
        imageStates[image.rawValue] = state
        count(state, by: 1, steps: stepCounts[image.rawValue])
    }

    private mutating func count(_ state: ImageState, by change: Int, steps: Int) {
        switch state {
        case .queued:
            queuedCount += change
            queuedStepCount += change * steps
        case .sampling: break
        case .sampled: decodingCount += change
        case .written: writtenCount += change
        case .failed: failedCount += change
        }
        if state != .queued && state != .sampling { finishedStepCount += change * steps }
    }

    private func state(of worker: String) -> WorkerState? { workers.first { $0.name == worker } }

    /// A worker no longer has an image; if it sampled that one, it begins the next that it holds.
    private mutating func release(_ worker: String, from image: ImageNumber, at time: Double) {
        let states = imageStates
        var next: ImageNumber?
        update(worker) {
            $0.ahead.removeAll { $0 == image }
            guard $0.image == image else { return }
            $0.image = nil
            // Others may have taken what it held.
            $0.ahead.removeAll { states[$0.rawValue] != .queued }
            next = $0.ahead.first
        }
        guard let next, let end = state(of: worker)?.lastStepTime else { return }
        begin(next, on: worker, at: time)
        update(worker) { $0.lastEndTime = end }
    }

    private mutating func update(_ worker: String, _ change: (inout WorkerState) -> Void) {
        if let position = workers.firstIndex(where: { $0.name == worker }) {
            change(&workers[position])
        } else {
            var state = WorkerState(name: worker)
            change(&state)
            workers.append(state)
        }
    }
}
