// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Runs
import TestSupport
import Testing

@Suite struct RunProgressTests {
    /// A run of `count` images of 10 steps on workers with the given seconds per step.
    ///
    /// Each image needs 0.5 s of decoding. Calls `observe` after every event.
    private func simulate(
        count: Int, paces: [String: Double], until end: Double = .infinity,
        observe: (inout RunProgress, Double) -> Void = { _, _ in }
    ) -> (progress: RunProgress, end: Double) {
        var progress = RunProgress()
        var now = 0.0
        func send(_ event: RunEvent, _ time: Double) {
            now = time
            progress.apply(event, at: time)
            observe(&progress, time)
        }
        send(.runStarted(stepCounts: Array(repeating: 10, count: count), baseSeed: 1), 0)
        // (time, worker, image, step) of the next step of every worker.
        var next: [(time: Double, worker: String, image: ImageNumber, step: Int)] = []
        var queue = (0..<count).reversed().map { ImageNumber($0) }
        var writes: [(time: Double, worker: String, image: ImageNumber)] = []
        for (worker, pace) in paces.sorted(by: { $0.key < $1.key }) {
            send(.workerConnected(worker: worker, kernelClass: "k"), 0)
            guard let image = queue.popLast() else { continue }
            send(.imageStarted(image: image, worker: worker, attempt: 1), 0)
            next.append((pace, worker, image, 1))
        }
        while !next.isEmpty || !writes.isEmpty {
            if let write = writes.first, write.time <= next.map(\.time).min() ?? .infinity {
                guard write.time <= end else { break }
                writes.removeFirst()
                send(
                    .imageWritten(image: write.image, worker: write.worker, file: "f", seconds: 1),
                    write.time)
                continue
            }
            guard let place = next.indices.min(by: { next[$0].time < next[$1].time }),
                next[place].time <= end, let pace = paces[next[place].worker]
            else { break }
            let (time, worker, image, step) = next.remove(at: place)
            send(.imageProgress(image: image, worker: worker, step: step, stepCount: 10), time)
            if step < 10 {
                next.append((time + pace, worker, image, step + 1))
            } else {
                send(.imageSampled(image: image, worker: worker), time)
                writes.append((time + 0.5, worker, image))
                writes.sort { $0.time < $1.time }
                guard let image = queue.popLast() else { continue }
                send(.imageStarted(image: image, worker: worker, attempt: 1), time)
                next.append((time + pace, worker, image, 1))
            }
        }
        return (progress, now)
    }

    /// Pictures, latents and failures of earlier sessions do not wait for a worker.
    @Test func outcomesOfEarlierSessionsAreNotQueued() {
        let monitor = RunMonitor(clock: Samples.clock, seconds: { 0 })
        monitor.note(.runStarted(stepCounts: [10, 10, 10, 10], baseSeed: 1))
        monitor.note(.imageKept(image: 0, .written))
        monitor.note(.imageKept(image: 1, .sampled))
        monitor.note(.imageKept(image: 2, .failed))
        var images = monitor.status.images
        #expect([images.queued, images.decoding, images.written, images.failed] == [1, 1, 1, 1])
        monitor.note(.imageWritten(image: 1, worker: "w", file: "f", seconds: 1))
        images = monitor.status.images
        #expect([images.queued, images.decoding, images.written, images.failed] == [1, 0, 2, 1])
        #expect(images.sampling == 0)
    }

    @Test func everyImageIsCounted() {
        let (progress, _) = simulate(count: 7, paces: ["a": 1, "b": 0.7])
        #expect(progress.writtenCount == 7)
        #expect(progress.finishedCount == 7)
        #expect(progress.decodingCount == 0)
        #expect(progress.fraction == 1)
        #expect(progress.workers.map(\.imageCount).reduce(0, +) == 7)
    }

    /// The estimate knows the tail: at the end one slow worker decides, not the sum of speeds.
    @Test(arguments: [
        ["a": 1.0], ["a": 1.0, "b": 1.0], ["a": 1.0, "b": 2.9], ["a": 0.2, "b": 0.3, "c": 1.1],
    ])
    func theTimeLeftIsRightAndSteady(paces: [String: Double]) {
        var shown: [(time: Double, left: Double)] = []
        let (_, end) = simulate(count: 9, paces: paces) { progress, time in
            if let left = progress.remainingSeconds(at: time) { shown.append((time, left)) }
        }
        // Judged after every worker has done some steps.
        for (time, left) in shown where time > 4 * (paces.values.max() ?? 0) {
            #expect(abs(left - (end - time)) < 0.08 * end + 1, "at \(time): \(left), end \(end)")
        }
        for (previous, current) in zip(shown, shown.dropFirst()) {
            guard previous.time > 4 * (paces.values.max() ?? 0) else { continue }
            let jump = current.left - (previous.left - (current.time - previous.time))
            #expect(abs(jump) < 0.1 * end + 1, "at \(current.time)")
        }
    }

    @Test func nothingIsSaidBeforeAStepWasSeen() {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: [5], baseSeed: 0), at: 0)
        #expect(progress.remainingSeconds(at: 1) == nil)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 1)
        #expect(progress.remainingSeconds(at: 2) == nil)
        progress.apply(.imageProgress(image: 0, worker: "a", step: 1, stepCount: 5), at: 3)
        #expect(progress.remainingSeconds(at: 3) == 8)
        #expect(progress.stepsPerSecond == 0.5)
    }

    @Test func theTimeLeftCountsDownDuringALongStep() {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: [5], baseSeed: 0), at: 0)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 0)
        progress.apply(.imageProgress(image: 0, worker: "a", step: 1, stepCount: 5), at: 20)
        let first = progress.remainingSeconds(at: 20)
        let later = progress.remainingSeconds(at: 30)
        #expect(first == 80)
        #expect(abs((later ?? 0) - 70) < 0.01)
    }

    @Test func aLostWorkersImageGoesBackToTheQueue() {
        var (progress, _) = simulate(count: 4, paces: ["a": 1, "b": 1], until: 5)
        let before = progress.fraction
        progress.apply(.workerLost(worker: "b", reason: "killed"), at: 5)
        #expect(progress.fraction < before)
        #expect(progress.workers[1].lostReason == "killed")
        #expect(progress.workers[1].image == nil)
        #expect(progress.stepsPerSecond == 1)
        // Images 1, 2 and 3 go to the worker that is left, five of whose steps are done.
        #expect(progress.remainingSeconds(at: 5) == 35)
    }

    @Test func aWorkerMayHoldItsNextImageWhileItSamples() {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: [4, 4], baseSeed: 0), at: 0)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 0)
        progress.apply(.imageStarted(image: 1, worker: "a", attempt: 1), at: 0)
        progress.apply(.imageProgress(image: 0, worker: "a", step: 1, stepCount: 4), at: 1)
        #expect(progress.workers[0].image == 0)
        #expect(progress.remainingSeconds(at: 1) == 7)
        progress.apply(.imageSampled(image: 0, worker: "a"), at: 4)
        progress.apply(.imageProgress(image: 1, worker: "a", step: 0, stepCount: 4), at: 4)
        #expect(progress.workers[0].image == 1)
        #expect(progress.fraction == 0.5)
        #expect(progress.decodingCount == 1)
    }

    /// Images of one step, each lent while the one before is sampled; the first packs weights.
    @Test func theTimeLeftOfSingleStepsIsRight() throws {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: Array(repeating: 1, count: 16), baseSeed: 1), at: 0)
        progress.apply(.workerConnected(worker: "a", kernelClass: "k"), at: 0)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 0)
        var time = 2.0
        for index in 0..<6 {
            let image = ImageNumber(index)
            time += 2
            progress.apply(
                .imageStarted(image: ImageNumber(index + 1), worker: "a", attempt: 1), at: time - 1)
            progress.apply(
                .imageProgress(image: image, worker: "a", step: 1, stepCount: 1), at: time)
            progress.apply(.imageSampled(image: image, worker: "a"), at: time + 0.3)
            progress.apply(
                .imageWritten(image: image, worker: "a", file: "f", seconds: 2), at: time + 0.3)
            _ = progress.remainingSeconds(at: time + 0.3)
        }
        let left = progress.remainingSeconds(at: time + 0.3)
        #expect((19...24).contains(try #require(left)))
    }

    /// A worker that samples two images at a time, and holds a third.
    @Test func severalImagesOfOneWorkerAreFollowed() throws {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: Array(repeating: 10, count: 4), baseSeed: 1), at: 0)
        progress.apply(.workerConnected(worker: "a", kernelClass: "k", pictures: 2), at: 0)
        for image in 0..<3 {
            progress.apply(
                .imageStarted(image: ImageNumber(image), worker: "a", attempt: 1), at: 0)
        }
        #expect(progress.workers.map(\.image) == [0, 1])
        func step(_ image: ImageNumber, _ step: Int, _ time: Double) {
            progress.apply(
                .imageProgress(image: image, worker: "a", step: step, stepCount: 10), at: time)
        }
        for number in 1...5 {
            step(0, number, Double(number))
            step(1, number, Double(number) + 0.5)
        }
        #expect(progress.workers.map(\.step) == [5, 5])
        #expect(progress.fraction == 0.25)
        #expect(abs(progress.stepsPerSecond - 2) < 0.3)
        // Two at about one step a second each: 30 steps are left.
        let estimate = progress.remainingSeconds(at: 5.5)
        let left = try #require(estimate)
        #expect((13...21).contains(left), "\(left)")
        progress.apply(.imageSampled(image: 1, worker: "a"), at: 11)
        #expect(progress.workers.map(\.image) == [0, 2])
        step(2, 1, 12)
        #expect(progress.workers.map(\.step) == [5, 1])
        // One image at a time from its next process on.
        progress.apply(.workerLost(worker: "a", reason: "reset"), at: 13)
        #expect(progress.workers.map(\.image) == [nil, nil])
        progress.apply(.workerConnected(worker: "a", kernelClass: "k"), at: 14)
        #expect(progress.workers.map(\.imageCount) == [1])
        #expect(progress.workers.map(\.lostReason) == [nil])
    }

    @Test func duplicatesAndStrangersChangeNothing() {
        var (progress, end) = simulate(count: 2, paces: ["a": 1])
        progress.apply(.imageWritten(image: 0, worker: "b", file: "f", seconds: 1), at: end)
        progress.apply(.imageSampled(image: 1, worker: "b"), at: end)
        progress.apply(.imageFailed(image: 1, reason: "late"), at: end)
        progress.apply(.imageProgress(image: 99, worker: "b", step: 1, stepCount: 10), at: end)
        progress.apply(.imageRetried(image: -1, worker: "b", reason: "x"), at: end)
        #expect(progress.writtenCount == 2)
        #expect(progress.failedCount == 0)
        #expect(progress.fraction == 1)
    }

    @Test func failedImagesAreFinishedToo() {
        var progress = RunProgress()
        progress.apply(.runStarted(stepCounts: [4, 4], baseSeed: 0), at: 0)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 0)
        progress.apply(.imageFailed(image: 0, reason: "NaN"), at: 1)
        #expect(progress.finishedCount == 1)
        #expect(progress.fraction == 0.5)
        #expect(progress.workers[0].image == nil)
    }

    @Test func aMillionImagesAreEstimated() {
        var progress = RunProgress()
        progress.apply(
            .runStarted(stepCounts: Array(repeating: 25, count: 1_000_000), baseSeed: 0), at: 0)
        progress.apply(.imageStarted(image: 0, worker: "a", attempt: 1), at: 0)
        progress.apply(.imageProgress(image: 0, worker: "a", step: 1, stepCount: 25), at: 1)
        #expect((progress.remainingSeconds(at: 1) ?? 0) > 2.4e7)
    }

    /// What an estimate reads of a queue: all of a short one, once, and nothing of a long one.
    @Test(arguments: [(3, 3), (10_000, 10_000), (10_001, 0), (1_000_000, 0)])
    func aMillionImagesAreCheap(_ count: Int, _ read: Int) {
        var readCount = 0
        // More than the queue has: what is behind its last image is not looked at either.
        let stepCounts = (0..<2 * count).lazy.map { _ in
            readCount += 1
            return 25
        }
        let estimate = FinishEstimate(
            workers: [(0, 1), (0, 1)], queuedCount: count, queuedStepCount: 25 * count)
        let seconds = estimate.seconds(stepCounts: stepCounts)
        #expect(readCount == read)
        #expect(abs(seconds - 12.5 * Double(count)) <= 12.5)
    }
}
