// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// The tail of a batch: idle workers relieve others.
extension CoordinatorStateMachine {
    /// A copy of an image, or a move, must promise to be done in this share of the time.
    private static let gainMin = 0.8
    /// While a worker idles, estimates of the others are looked at this often.
    static let tailInterval = Duration.seconds(2)

    /// A lease that others could take over, and when it should be done.
    private struct Relief {
        var worker: WorkerNumber
        /// Its place among the worker's leases.
        var position: Int
        var held: HeldLease
        var seconds: Double
    }

    /// Idle workers take what waits behind other images, and copies of what is slowest.
    mutating func relieveOthers(_ idle: [WorkerNumber], now: Duration) {
        let moving = workers.numbers.reduce(0) { sum, worker in
            sum + workers[worker].leases.count { $0.recall == .moved }
        }
        let fastestFirst = idle.sorted {
            (unitSeconds(of: $0), $0) < (unitSeconds(of: $1), $1)
        }.flatMap { repeatElement($0, count: workers[$0].idleThreadCount) }
        // The same for all idle workers until one of them takes something.
        var reliefs: (waiting: [Relief], running: [Relief])?
        for idleWorker in fastestFirst.dropFirst(moving) {
            let latest = reliefs ?? (waitingLeases(now: now), runningLeases(now: now))
            let hasTaken =
                askForWaiting(latest.waiting, idleWorker)
                || copySlowest(latest.running, to: idleWorker, now: now)
            reliefs = hasTaken ? nil : latest
        }
    }

    /// What waits behind other images, last to be done first.
    private func waitingLeases(now: Duration) -> [Relief] {
        reliefs(now: now) { leases, pictureCount in
            leases.indices.dropFirst(pictureCount).filter { leases[$0].isWaiting }
        }
    }

    /// What each worker samples and no other does, last to be done first.
    private func runningLeases(now: Duration) -> [Relief] {
        let running = reliefs(now: now) { leases, pictureCount in
            Array(leases.indices.filter { leases[$0].recall == nil }.prefix(pictureCount))
        }
        // A worker that does not begin is late, however long steps take.
        let hasAnyPace = workers.numbers.contains { workers[$0].pace.mean != nil }
        // Nor is what it holds a copy: two that are silent do not keep an image from a third.
        let silent = Set(running.filter { $0.seconds == .infinity }.map(\.held.lease))
        func isCopy(_ held: HeldLease) -> Bool { held.isPromising && !silent.contains(held.lease) }
        var copyCounts: [ImageNumber: Int] = [:]
        for worker in workers.numbers {
            for held in workers[worker].leases where isCopy(held) {
                copyCounts[held.image, default: 0] += 1
            }
        }
        return running.filter { relief in
            let own = isCopy(relief.held) ? 1 : 0
            let hasCopy = copyCounts[relief.held.image, default: 0] > own
            return (hasAnyPace || relief.seconds == .infinity)
                && (!hasCopy || has(.copyWithoutEnd))
        }
    }

    private func reliefs(
        now: Duration, _ choose: (_ leases: [HeldLease], _ pictureCount: Int) -> [Int]
    ) -> [Relief] {
        var reliefs: [Relief] = []
        for worker in workers.numbers where !workers[worker].leases.isEmpty {
            for position in choose(
                workers[worker].leases, workers[worker].pictureCount)
            {
                reliefs.append(
                    Relief(
                        worker: worker, position: position,
                        held: workers[worker].leases[position],
                        seconds: secondsUntilFree(worker, through: position, now: now)))
            }
        }
        // Of equals the first.
        return reliefs.sorted {
            (-$0.seconds, $0.worker, $0.position) < (-$1.seconds, $1.worker, $1.position)
        }
    }

    /// Asks for the image that would otherwise be done last of those that have not begun.
    private mutating func askForWaiting(_ latest: [Relief], _ idleWorker: WorkerNumber) -> Bool {
        let choice = latest.first { relief in
            isGain(relief, for: idleWorker)
                && !images[relief.held.image].failedWorkers.contains(idleWorker)
        }
        guard let choice else { return false }
        recall(choice.held.lease, of: choice.worker, .moved)
        return true
    }

    /// Generates the image a second time that would otherwise be done last.
    private mutating func copySlowest(
        _ latest: [Relief], to idleWorker: WorkerNumber, now: Duration
    ) -> Bool {
        guard !workers[idleWorker].isOnProbation else { return false }
        let choice = latest.first { relief in
            isGain(relief, for: idleWorker) && mayCopy(relief, to: idleWorker)
                && !workers[idleWorker].holds(relief.held.image)
        }
        guard let choice else { return false }
        for worker in workers.numbers where hasNotBegun(worker, now: now) {
            let next = workers[worker].leases.filter { $0.recall == nil }
                .prefix(workers[worker].pictureCount)
            for held in next where held.image == choice.held.image && !held.isStarted {
                reportOverdue(held, of: worker, since: workers[worker].lastProgress, now: now)
            }
        }
        lease(choice.held.image, to: idleWorker, now: now)
        return true
    }

    private func isGain(_ relief: Relief, for idleWorker: WorkerNumber) -> Bool {
        relief.seconds > 0
            && restSeconds(relief.held.image, by: idleWorker) < relief.seconds * Self.gainMin
    }

    /// Copies are attempts too: no image gets more of them than may fail.
    ///
    /// What does not begin is none.
    private func mayCopy(_ relief: Relief, to idleWorker: WorkerNumber) -> Bool {
        let entry = images[relief.held.image]
        let attemptCount = entry.chargedCount + (relief.seconds == .infinity ? 0 : 1)
        return entry.status == .leased && attemptCount < tolerance.attemptCountMax
            && entry.kills.isEmpty && entry.openLosses.isEmpty
            && !entry.failedWorkers.contains(idleWorker)
    }

    // MARK: Estimates

    /// Seconds per step and unit of work: seen, or as usual here, or just a number.
    private func unitSeconds(of worker: WorkerNumber) -> Double {
        workers[worker].pace.mean ?? usualUnitSeconds
    }

    /// Seconds for what an image still needs, from its checkpoint where this worker can use it.
    private func restSeconds(_ image: ImageNumber, by worker: WorkerNumber) -> Double {
        unitSeconds(of: worker) * images[image].stepWork * Double(stepsToDo(image, by: worker))
    }

    func imageSeconds(_ image: ImageNumber, by worker: WorkerNumber) -> Double {
        unitSeconds(of: worker) * images[image].stepWork
            * Double(images[image].request.modelCallCount)
    }

    func finish(of image: ImageNumber, by worker: WorkerNumber, now: Duration) -> Double {
        secondsUntilFree(worker, now: now) + imageSeconds(image, by: worker)
    }

    /// Whether a worker that has nothing else to do does not begin the image that it has.
    ///
    /// While results of it are being stored, it need not. What was recalled is no reason, if it had
    /// begun only until the thread should have stopped.
    private func hasNotBegun(_ worker: WorkerNumber, now: Duration) -> Bool {
        let first = workers[worker].leases.first { held in
            let steps = Duration.seconds(2 * unitSeconds(of: worker) * held.stepWork)
            return held.recall == nil
                || held.isStarted && now < held.recalledAt + timeouts.answer + steps
        }
        guard let first, first.isWaiting else { return false }
        return now >= workers[worker].lastProgress + timeouts.answer
            && !images.isStoring(for: workers[worker].connection) && !has(.waitForSilent)
    }

    /// Seconds until a worker can begin another image, or until it is done with one of its leases.
    func secondsUntilFree(
        _ worker: WorkerNumber, through last: Int? = nil, now: Duration
    ) -> Double {
        let leases = workers[worker].leases
        guard !leases.isEmpty else { return 0 }
        if hasNotBegun(worker, now: now) {
            // Of several images at a time it may have begun others.
            guard let last, leases[last].isStarted else { return .infinity }
            return max(0, secondsLeft(of: leases[last], at: worker, now: now))
        }
        let wanted = leases[0...(last ?? leases.count - 1)]
        guard workers[worker].pictureCount > 1 else {
            return max(0, wanted.reduce(0) { $0 + secondsLeft(of: $1, at: worker, now: now) })
        }
        let threads = threadSeconds(of: worker, wanted, now: now)
        return max(0, last == nil ? threads.all.min() ?? 0 : threads.last)
    }

    /// Images that a worker would be done with before a time, while others need as long for one.
    func imagesDone(
        by worker: WorkerNumber, within seconds: Double, each: Double, now: Duration
    ) -> Double {
        func count(_ busy: Double) -> Double {
            let spare = seconds - busy
            if has(.deferToEquals), spare == each { return 1 }
            return spare > each ? (spare / each).rounded(.up) - 1 : 0
        }
        let leases = workers[worker].leases
        guard workers[worker].pictureCount > 1, !hasNotBegun(worker, now: now) else {
            return count(secondsUntilFree(worker, now: now))
        }
        let threads = threadSeconds(of: worker, leases[...], now: now)
        return threads.all.reduce(0) { $0 + count(max(0, $1)) }
    }

    /// Seconds until each thread of a worker is done with its leases, and until the last of them is
    /// done.
    private func threadSeconds(
        of worker: WorkerNumber, _ leases: ArraySlice<HeldLease>, now: Duration
    ) -> (all: [Double], last: Double) {
        var threads = [Double](repeating: 0, count: workers[worker].pictureCount)
        var last = 0.0
        for held in leases where held.recall == nil {
            // They are begun in this order, each by the thread that is free first.
            let first = threads.indices.min { threads[$0] < threads[$1] } ?? 0
            threads[first] += secondsLeft(of: held, at: worker, now: now)
            last = threads[first]
        }
        return (threads, last)
    }

    /// What a worker still has to do for a lease; less than nothing for a step that is about to be
    /// reported.
    private func secondsLeft(
        of held: HeldLease, at worker: WorkerNumber, now: Duration
    ) -> Double {
        guard held.recall == nil else { return 0 }
        let step = unitSeconds(of: worker) * held.stepWork
        let seconds = step * Double(held.stepsLeft)
        guard held.isStarted else { return seconds }
        // A step that should be over, and reported, is likely to take as long again.
        let elapsed = (now - workers[worker].lastProgress(of: held)).seconds
        let silence = max(step, timeouts.progressInterval.seconds)
        return seconds + (elapsed <= silence ? -elapsed : elapsed - step)
    }
}
