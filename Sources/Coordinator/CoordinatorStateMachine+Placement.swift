// SPDX-License-Identifier: Apache-2.0

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
        checkDisputed(now: now)
        while let next = firstDue(now: now) {
            guard let (item, index) = place(like: requests[next], now: now) else { break }
            lease(item, to: index, now: now)
        }
        let idle = workers.indices.filter {
            workers[$0].leases.isEmpty && workers[$0].freeCredits(now: now) > 0
        }
        guard !idle.isEmpty else { return }
        tailCheck = now + Self.tailInterval
        if firstDue(now: now) == nil { relieveOthers(idle, now: now) }
    }

    /// Workers that brought other latents than somebody else draw the same image again.
    private mutating func checkDisputed(now: Duration) {
        guard pendingCount > 0 else { return }
        for index in workers.indices where workers[index].freeCredits(now: now) > 0 {
            if let item = workers[index].disputedItem { check(index, with: item, now: now) }
        }
    }

    // MARK: Pending images

    private func firstDue(now: Duration) -> Int? {
        if let item = retries.first(where: { items[$0].notBefore <= now }) { return item }
        return nextFresh < items.count ? nextFresh : nil
    }

    /// The next image and its worker: of those that would be worth it, the first to be done.
    private mutating func place(
        like request: GenerationRequest, now: Duration
    ) -> (item: Int, worker: Int)? {
        var candidates: [(seconds: Double, worker: Int)] = []
        for index in workers.indices
        where (workers[index].freeCredits(now: now) > 0 || has(.forgetCredits))
            && workers[index].isUsable(now: now) && workers[index].disputedItem == nil
        {
            candidates.append((finish(of: request, by: index, now: now), index))
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
            items[item].notBefore <= now
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
        where other != index && !items[item].failedWorkers.contains(other) {
            guard workers[other].pace.mean != nil, !workers[other].isOnProbation,
                workers[other].isUsable(now: now)
            else { continue }
            // Strictly before: of two equals one has to take it.
            let spare = seconds - secondsUntilFree(other, now: now)
            let each = imageSeconds(like: requests[item], by: other)
            if spare > each { left -= (spare / each).rounded(.up) - 1 }
            if has(.deferToEquals), spare == each { left -= 1 }
            if left <= 0 { return false }
        }
        return true
    }

    // MARK: The tail of a batch

    /// Idle workers take what waits behind other images, and copies of what is slowest.
    private mutating func relieveOthers(_ idle: [Int], now: Duration) {
        let moving = workers.reduce(0) { sum, worker in
            sum + worker.leases.count { $0.recall == .moved }
        }
        let fastestFirst = idle.sorted {
            (unitSeconds(of: $0), $0) < (unitSeconds(of: $1), $1)
        }
        for thief in fastestFirst.dropFirst(moving) {
            if !askForWaiting(thief, now: now) { copySlowest(to: thief, now: now) }
        }
    }

    /// Asks for the image that would otherwise be done last of those that have not begun.
    private mutating func askForWaiting(_ thief: Int, now: Duration) -> Bool {
        var latest = 0.0
        var choice: (worker: Int, position: Int)?
        for index in workers.indices where workers[index].leases.count > 1 {
            let leases = workers[index].leases
            for position in leases.indices.dropFirst() where leases[position].isWaiting {
                let item = leases[position].item
                guard !items[item].failedWorkers.contains(thief) else { continue }
                let seconds = secondsUntilFree(index, through: position, now: now)
                let limit = seconds * Self.gainMin
                guard seconds > latest, imageSeconds(item, by: thief) < limit else { continue }
                latest = seconds
                choice = (index, position)
            }
        }
        guard let choice else { return false }
        recall(choice.position, of: choice.worker, .moved)
        return true
    }

    /// Draws the image a second time that would otherwise be done last.
    private mutating func copySlowest(to thief: Int, now: Duration) {
        guard !workers[thief].isOnProbation, hasAnyPace else { return }
        var latest = 0.0
        var choice: Int?
        for index in workers.indices where index != thief {
            guard let position = workers[index].leases.firstIndex(where: { $0.recall == nil })
            else { continue }
            let item = workers[index].leases[position].item
            guard mayCopy(item, to: thief) else { continue }
            let seconds = secondsUntilFree(index, through: position, now: now)
            let limit = seconds * Self.gainMin
            guard seconds > latest, imageSeconds(item, by: thief) < limit else { continue }
            latest = seconds
            choice = item
        }
        if let choice { lease(choice, to: thief, now: now) }
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
        if let mean = workers[index].pace.mean { return mean }
        let known = workers.compactMap(\.pace.mean)
        return known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
    }

    /// Seconds for a whole image.
    private func imageSeconds(like request: GenerationRequest, by index: Int) -> Double {
        unitSeconds(of: index) * request.stepWork * Double(request.inferenceStepCount)
    }

    /// Seconds for what is left of an image.
    private func imageSeconds(_ item: Int, by index: Int) -> Double {
        unitSeconds(of: index) * requests[item].stepWork * Double(stepsToDo(item, by: index))
    }

    private func finish(
        of request: GenerationRequest, by index: Int, now: Duration
    ) -> Double {
        secondsUntilFree(index, now: now) + imageSeconds(like: request, by: index)
    }

    /// Seconds until a worker is done with its leases, up to one of them or with all.
    private func secondsUntilFree(
        _ index: Int, through last: Int? = nil, now: Duration
    ) -> Double {
        let leases = workers[index].leases
        guard !leases.isEmpty else { return 0 }
        let unit = unitSeconds(of: index)
        var seconds = 0.0
        for position in 0...(last ?? leases.count - 1) where leases[position].recall == nil {
            let step = unit * requests[leases[position].item].stepWork
            seconds += step * Double(leases[position].stepsLeft)
            guard leases[position].isStarted else { continue }
            // A step that should be over is likely to take as long again.
            let elapsed = (now - workers[index].lastProgress).seconds
            seconds += elapsed <= step ? -elapsed : elapsed - step
        }
        return max(0, seconds)
    }
}
