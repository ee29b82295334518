// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What is known about a run in progress: a pure function of events and their times.
package struct RunProgress: Sendable {
    /// What a worker is doing; one that samples several images at a time has a state for each.
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
        /// Images that it holds and samples later; in the first of its states.
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
        case .workerConnected(let worker, _, let pictures): connect(worker, pictures)
        case .workerLost(let worker, let reason): lose(worker, reason)
        case .imageStarted(let image, let worker, _):
            // A worker may hold its next image while it samples others: that one is still queued.
            let holder = first(of: worker)
            if let idle = position(of: worker, with: nil) {
                begin(image, at: idle, time)
            } else {
                workers[holder].ahead.append(image)
            }
        case .imageProgress(let image, let worker, let step, _):
            noteStep(image, worker: worker, step: step, time: time)
        case .imageResumed(let image, let worker, let step):
            let position = seat(of: worker, for: image)
            begin(image, at: position, time)
            workers[position].step = min(step, stepCounts[image.rawValue])
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
            for worker in Set(workers.map(\.name)) { release(worker, from: image, at: time) }
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

    private mutating func begin(_ image: ImageNumber, at position: Int, _ time: Double) {
        if imageStates[image.rawValue] == .queued { setState(of: image, to: .sampling) }
        let holder = first(of: workers[position].name)
        workers[holder].ahead.removeAll { $0 == image }
        workers[position].image = image
        workers[position].step = 0
        workers[position].lastStepTime = time
        workers[position].lastEndTime = nil
    }

    private mutating func noteStep(_ image: ImageNumber, worker: String, step: Int, time: Double) {
        let position = seat(of: worker, for: image)
        let isKnown = workers[position].image == image
        let stepCount = stepCounts[image.rawValue]
        if !isKnown { begin(image, at: position, time) }
        workers[position].noteStep(step, of: stepCount, isKnown: isKnown, time: time)
    }

    private mutating func noteSampled(_ image: ImageNumber, worker: String, time: Double) {
        setState(of: image, to: .sampled)
        sampledTimes[image] = time
        let position = position(of: worker, with: image) ?? first(of: worker)
        workers[position].imageCount += 1
        release(worker, from: image, at: time)
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
}

// MARK: Workers

extension RunProgress {
    /// Makes a state for each image that a worker samples at a time.
    private mutating func connect(_ worker: String, _ pictures: Int) {
        let kept = first(of: worker)
        let positions = workers.indices.filter { workers[$0].name == worker }
        let missing = pictures - positions.count
        for position in positions { workers[position].lostReason = nil }
        guard missing < 0 else {
            let states = (0..<missing).map { _ in WorkerState(name: worker) }
            workers.insert(contentsOf: states, at: (positions.last ?? kept) + 1)
            return
        }
        // Another process with fewer: what it did before counts for the worker.
        for position in positions.suffix(-missing).reversed() {
            workers[kept].imageCount += workers[position].imageCount
            workers.remove(at: position)
        }
    }

    private mutating func lose(_ worker: String, _ reason: String) {
        _ = first(of: worker)
        for position in workers.indices where workers[position].name == worker {
            if let image = workers[position].image { setState(of: image, to: .queued) }
            workers[position].lostReason = reason
            workers[position].image = nil
            workers[position].ahead = []
        }
    }

    /// The state of a worker that has this image; with `nil` one that has none.
    private func position(of worker: String, with image: ImageNumber?) -> Int? {
        workers.firstIndex { $0.name == worker && $0.image == image }
    }

    /// The first state of a worker, made where there is none.
    private mutating func first(of worker: String) -> Int {
        if let position = workers.firstIndex(where: { $0.name == worker }) { return position }
        workers.append(WorkerState(name: worker))
        return workers.count - 1
    }

    /// The state that has an image, or that takes it.
    private mutating func seat(of worker: String, for image: ImageNumber) -> Int {
        position(of: worker, with: image) ?? position(of: worker, with: nil) ?? first(of: worker)
    }

    /// A worker no longer has an image; if it sampled that one, it begins the next that it holds.
    private mutating func release(_ worker: String, from image: ImageNumber, at time: Double) {
        let holder = first(of: worker)
        workers[holder].ahead.removeAll { $0 == image }
        guard let position = position(of: worker, with: image) else { return }
        workers[position].image = nil
        // Others may have taken what it held.
        let states = imageStates
        workers[holder].ahead.removeAll { states[$0.rawValue] != .queued }
        guard let next = workers[holder].ahead.first else { return }
        let end = workers[position].lastStepTime
        begin(next, at: position, time)
        workers[position].lastEndTime = end
    }
}

extension RunProgress.WorkerState {
    fileprivate mutating func noteStep(
        _ step: Int, of stepCount: Int, isKnown: Bool, time: Double
    ) {
        guard step > self.step else { return }
        let seconds = max(0, time - lastStepTime) / Double(step - self.step)
        // An image's first step may include text encoding, and its beginning may have gone
        // unnoticed: it counts only while nothing else is known, or where there is no second.
        if let known = secondsPerStep, self.step > 0 {
            secondsPerStep = known + 0.1 * (seconds - known)
        } else if let known = secondsPerStep, stepCount == 1, isKnown {
            // From end to end; the first of all may have packed weights.
            let whole = lastEndTime.map { time - $0 } ?? seconds
            secondsPerStep = known + 0.5 * (whole - known)
        } else if secondsPerStep == nil, isKnown, seconds > 0 {
            secondsPerStep = seconds
        }
        self.step = min(step, stepCount)
        lastStepTime = time
    }
}
