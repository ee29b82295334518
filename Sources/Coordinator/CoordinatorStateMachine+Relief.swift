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
        }
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
        reliefs(now: now) { leases in
            leases.indices.dropFirst().filter { leases[$0].isWaiting }
        }
    }

    /// What each worker samples and no other does, last to be done first.
    private func runningLeases(now: Duration) -> [Relief] {
        let running = reliefs(now: now) { leases in
            leases.firstIndex { $0.recall == nil }.map { [$0] } ?? []
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

    private func reliefs(now: Duration, _ choose: ([HeldLease]) -> [Int]) -> [Relief] {
        var reliefs: [Relief] = []
        for worker in workers.numbers where !workers[worker].leases.isEmpty {
            for position in choose(workers[worker].leases) {
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
        }
        guard let choice else { return false }
        for worker in workers.numbers where hasNotBegun(worker, now: now) {
            let held = workers[worker].leases.first { $0.recall == nil }
            guard let held, held.image == choice.held.image else { continue }
            reportOverdue(held, of: worker, since: workers[worker].lastProgress, now: now)
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

    /// Seconds until a worker is done with its leases, up to one of them or with all.
    func secondsUntilFree(
        _ worker: WorkerNumber, through last: Int? = nil, now: Duration
    ) -> Double {
        let leases = workers[worker].leases
        guard !leases.isEmpty else { return 0 }
        let unit = unitSeconds(of: worker)
        if hasNotBegun(worker, now: now) { return .infinity }
        var seconds = 0.0
        for held in leases[0...(last ?? leases.count - 1)] where held.recall == nil {
            let step = unit * held.stepWork
            seconds += step * Double(held.stepsLeft)
            guard held.isStarted else { continue }
            // A step that should be over, and reported, is likely to take as long again.
            let elapsed = (now - workers[worker].lastProgress).seconds
            let silence = max(step, timeouts.progressInterval.seconds)
            seconds += elapsed <= silence ? -elapsed : elapsed - step
        }
        return max(0, seconds)
    }
}
