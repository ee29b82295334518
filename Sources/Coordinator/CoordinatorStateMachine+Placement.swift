// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Who gets which image: always the worker that will be done with it first.
///
/// Towards the end of a batch a slow worker gets nothing that the others would finish sooner, what
/// waits behind another image moves to an idle worker, and the slowest images are drawn twice.
extension CoordinatorStateMachine {
    /// A copy of an image, or a move, must promise to be done in this share of the time.
    private static let gainMin = 0.8
    /// While a worker idles, estimates of the others are looked at this often.
    static let tailInterval = Duration.seconds(2)

    /// Images that wait for a worker, those that may not begin yet included.
    var pendingCount: Int { items.count - nextFresh + retries.count }

    /// Gives pending images to workers with credit.
    mutating func grant(now: Duration) {
        guard undecodedCount < configuration.decodeBacklogMax || has(.ignoreBacklog) else { return }
        // Most events free no worker, and then there is nothing to think about.
        var free = freeWorkers(now: now)
        guard !free.isEmpty else { return }
        noteUsualPace()
        checkDisputed(among: free, now: now)
        while let next = firstDue(among: free, now: now) {
            guard let (item, index) = place(like: next, among: free, now: now) else { break }
            lease(item, to: index, now: now)
            if !isFree(index, now: now) { free.removeAll { $0 == index } }
        }
        let idle = free.filter {
            workers[$0].leases.isEmpty && workers[$0].freeCredits(now: now) > 0
        }
        guard !idle.isEmpty else { return }
        tailCheck = now + Self.tailInterval
        if firstDue(among: idle, now: now) == nil { relieveOthers(idle, now: now) }
    }

    private func isFree(_ index: Int, now: Duration) -> Bool {
        workers[index].freeCredits(now: now) > 0
            || has(.forgetCredits) && workers[index].isUsable(now: now)
    }

    private func freeWorkers(now: Duration) -> [Int] {
        workers.indices.filter { isFree($0, now: now) }
    }

    /// Workers that brought other latents than somebody else draw the same image again.
    private mutating func checkDisputed(among free: [Int], now: Duration) {
        guard pendingCount > 0 else { return }
        for index in free where workers[index].freeCredits(now: now) > 0 {
            if let item = workers[index].disputedItem { check(index, with: item, now: now) }
        }
    }

    // MARK: Pending images

    private func firstDue(among free: [Int], now: Duration) -> Int? {
        let due = retries.first { item in
            items[item].notBefore <= now && !items[item].puzzledWorkers.isSuperset(of: free)
        }
        if let due { return due }
        return nextFresh < items.count ? nextFresh : nil
    }

    /// The next image and its worker: of those that would be worth it, the first to be done.
    private mutating func place(
        like next: Int, among free: [Int], now: Duration
    ) -> (item: Int, worker: Int)? {
        var candidates: [(seconds: Double, worker: Int)] = []
        for index in free
        where isFree(index, now: now) && workers[index].disputedItem == nil {
            candidates.append((finish(of: next, by: index, now: now), index))
        }
        candidates.sort {
            ($0.seconds, workers[$0.worker].leases.count, $0.worker)
                < ($1.seconds, workers[$1.worker].leases.count, $1.worker)
        }
        for (seconds, index) in candidates {
            guard let item = nextPending(for: index, now: now),
                isWorthwhile(index, seconds: seconds, item, now: now)
            else { continue }
            takePending(item)
            return (item, index)
        }
        return nil
    }

    private func nextPending(for index: Int, now: Duration) -> Int? {
        let retry = retries.first { item in
            // Not back to a worker that failed it while another is there.
            items[item].notBefore <= now && !items[item].puzzledWorkers.contains(index)
                && !workers[index].leases.contains { $0.item == item }
                && (!items[item].failedWorkers.contains(index)
                    || !workers.indices.contains {
                        workers[$0].isUsable(now: now) && !items[item].failedWorkers.contains($0)
                    })
        }
        return retry ?? (nextFresh < items.count ? nextFresh : nil)
    }

    private mutating func takePending(_ item: Int) {
        if item == nextFresh {
            skipSettled(from: item + 1)
        } else {
            retries.removeAll { $0 == item }
        }
    }

    /// Moves on to the first image that nobody had yet.
    mutating func skipSettled(from index: Int) {
        nextFresh = index
        while nextFresh < items.count, items[nextFresh].status != .pending { nextFresh += 1 }
    }

    /// Whether the others would not be done with all that is pending before this worker is done
    /// with one image of it.
    private func isWorthwhile(
        _ index: Int, seconds: Double, _ item: Int, now: Duration
    ) -> Bool {
        guard workers[index].pace.mean != nil else { return true }
        var left = Double(pendingCount)
        for other in workers.indices
        where other != index && !items[item].failedWorkers.contains(other)
            && !workers[other].leases.contains(where: { $0.item == item })
        {
            guard workers[other].pace.mean != nil, !workers[other].isOnProbation,
                workers[other].isUsable(now: now)
            else { continue }
            // Strictly before: of two equals one has to take it.
            let spare = seconds - secondsUntilFree(other, now: now)
            let each = imageSeconds(item, by: other)
            if spare > each { left -= (spare / each).rounded(.up) - 1 }
            if has(.deferToEquals), spare == each { left -= 1 }
            if left <= 0 { return false }
        }
        return true
    }

    // MARK: The tail of a batch

    /// A lease that others could take over, and when it should be done.
    private struct Relief {
        var worker: Int
        var position: Int
        var seconds: Double
    }

    /// Idle workers take what waits behind other images, and copies of what is slowest.
    private mutating func relieveOthers(_ idle: [Int], now: Duration) {
        let moving = workers.reduce(0) { sum, worker in
            sum + worker.leases.count { $0.recall == .moved }
        }
        let fastestFirst = idle.sorted {
            (unitSeconds(of: $0), $0) < (unitSeconds(of: $1), $1)
        }
        // The same for all thieves until one of them takes something.
        var reliefs: (waiting: [Relief], running: [Relief])?
        for thief in fastestFirst.dropFirst(moving) {
            let latest = reliefs ?? (waitingLeases(now: now), runningLeases(now: now))
            let hasTaken =
                askForWaiting(latest.waiting, thief)
                || copySlowest(latest.running, to: thief, now: now)
            reliefs = hasTaken ? nil : latest
        }
    }

    /// What waits behind other images, last to be done first.
    private func waitingLeases(now: Duration) -> [Relief] {
        reliefs(now: now) { leases in
            leases.indices.dropFirst().filter { leases[$0].isWaiting }
        }
    }

    /// What each worker is at, last to be done first.
    private func runningLeases(now: Duration) -> [Relief] {
        let running = reliefs(now: now) { leases in
            leases.firstIndex { $0.recall == nil }.map { [$0] } ?? []
        }
        // Who does not begin is late, however long steps take.
        return hasAnyPace ? running : running.filter { $0.seconds == .infinity }
    }

    private func reliefs(now: Duration, _ choose: ([HeldLease]) -> [Int]) -> [Relief] {
        var reliefs: [Relief] = []
        for index in workers.indices where !workers[index].leases.isEmpty {
            for position in choose(workers[index].leases) {
                let seconds = secondsUntilFree(index, through: position, now: now)
                reliefs.append(Relief(worker: index, position: position, seconds: seconds))
            }
        }
        // Of equals the first.
        return reliefs.sorted {
            (-$0.seconds, $0.worker, $0.position) < (-$1.seconds, $1.worker, $1.position)
        }
    }

    /// Asks for the image that would otherwise be done last of those that have not begun.
    private mutating func askForWaiting(_ latest: [Relief], _ thief: Int) -> Bool {
        let choice = latest.first { relief in
            let item = workers[relief.worker].leases[relief.position].item
            return isGain(relief, item, for: thief) && !items[item].failedWorkers.contains(thief)
        }
        guard let choice else { return false }
        recall(choice.position, of: choice.worker, .moved)
        return true
    }

    /// Draws the image a second time that would otherwise be done last.
    private mutating func copySlowest(
        _ latest: [Relief], to thief: Int, now: Duration
    ) -> Bool {
        guard !workers[thief].isOnProbation else { return false }
        let choice = latest.first { relief in
            let item = workers[relief.worker].leases[relief.position].item
            return isGain(relief, item, for: thief) && mayCopy(item, to: thief)
        }
        guard let choice else { return false }
        let held = workers[choice.worker].leases[choice.position]
        if choice.seconds == .infinity {
            let since = workers[choice.worker].lastProgress
            reportOverdue(choice.position, of: choice.worker, since: since, now: now)
        }
        lease(held.item, to: thief, now: now)
        return true
    }

    private func isGain(_ relief: Relief, _ item: Int, for thief: Int) -> Bool {
        relief.seconds > 0 && restSeconds(item, by: thief) < relief.seconds * Self.gainMin
    }

    /// Copies are attempts too: no image gets more of them than may fail.
    private func mayCopy(_ item: Int, to thief: Int) -> Bool {
        items[item].status == .leased && (items[item].liveCount == 1 || has(.copyWithoutEnd))
            && items[item].chargedCount + 2 <= tolerance.attemptCountMax
            && items[item].kills.isEmpty && items[item].openLosses.isEmpty
            && !items[item].failedWorkers.contains(thief)
    }

    // MARK: Estimates

    private var hasAnyPace: Bool { workers.contains { $0.pace.mean != nil } }

    /// Seconds per step and unit of work: seen, or as usual in this run, or just a number.
    private func unitSeconds(of index: Int) -> Double {
        workers[index].pace.mean ?? usualUnitSeconds
    }

    /// Workers that have done no step yet are taken for ordinary ones.
    private mutating func noteUsualPace() {
        let known = workers.compactMap(\.pace.mean)
        usualUnitSeconds = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
    }

    /// Seconds for what an image still needs, from its checkpoint where this worker can use it.
    private func restSeconds(_ item: Int, by index: Int) -> Double {
        unitSeconds(of: index) * stepWork[item] * Double(stepsToDo(item, by: index))
    }

    private func imageSeconds(_ item: Int, by index: Int) -> Double {
        unitSeconds(of: index) * stepWork[item] * Double(requests[item].inferenceStepCount)
    }

    private func finish(of item: Int, by index: Int, now: Duration) -> Double {
        secondsUntilFree(index, now: now) + imageSeconds(item, by: index)
    }

    /// Whether a worker that has nothing else to do does not begin the image that it has.
    ///
    /// While results of it are being stored, that is its good right.
    private func hasNotBegun(_ index: Int, now: Duration) -> Bool {
        guard let first = workers[index].leases.first, first.isWaiting else { return false }
        return now >= workers[index].lastProgress + timeouts.answer && !awaitsOurWord(index)
            && !has(.waitForSilent)
    }

    /// Seconds until a worker is done with its leases, up to one of them or with all.
    private func secondsUntilFree(
        _ index: Int, through last: Int? = nil, now: Duration
    ) -> Double {
        let leases = workers[index].leases
        guard !leases.isEmpty else { return 0 }
        let unit = unitSeconds(of: index)
        if hasNotBegun(index, now: now) { return .infinity }
        var seconds = 0.0
        for position in 0...(last ?? leases.count - 1) where leases[position].recall == nil {
            let step = unit * stepWork[leases[position].item]
            seconds += step * Double(leases[position].stepsLeft)
            guard leases[position].isStarted else { continue }
            // A step that should be over, and told of, is likely to take as long again.
            let elapsed = (now - workers[index].lastProgress).seconds
            let silence = max(step, timeouts.progressInterval.seconds)
            seconds += elapsed <= silence ? -elapsed : elapsed - step
        }
        return max(0, seconds)
    }
}
