// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Which faults happen, once in so many opportunities; 0 for never.
struct Faults: Sendable {
    /// Per message: the connection is reset; what is under way is lost.
    var cut = 0
    /// Per message: nothing arrives any more in one direction, and neither end is notified.
    var halfOpen = 0
    /// Per message: it takes up to 90 s.
    var stall = 0
    /// Per message: its bytes are damaged.
    var corruption = 0
    /// Per attempt to connect.
    var refusedConnect = 0
    /// Per step: the process is killed.
    var crash = 0
    /// Per image: the process is killed after the last step, before or after the result leaves.
    var crashAtEnd = 0
    /// Per step: the thread never comes back, though the process answers.
    var hang = 0
    /// Per step: the machine has trouble and says so.
    var retryableFailure = 0
    /// Per image: one bit of the latents is flipped before they are hashed.
    var bitFlip = 0
    /// Per image: a result of another run arrives too.
    var staleResult = 0
    /// Per checkpoint: a byte of it changes where it is kept.
    var spoiledCheckpoint = 0
    /// Per checkpoint: one of another run arrives too.
    var staleCheckpoint = 0
    /// Faults stop here.
    var until = Duration.seconds(400)
}

extension Scenario {
    mutating func addStorm(_ random: inout SplitMix64) {
        func chance(_ n: Int, _ random: inout SplitMix64) -> Int { random.oneIn(3) ? n : 0 }
        faults.cut = chance(40, &random)
        faults.halfOpen = chance(80, &random)
        faults.stall = chance(30, &random)
        faults.corruption = chance(100, &random)
        faults.refusedConnect = chance(3, &random)
        faults.crash = chance(60, &random)
        faults.crashAtEnd = chance(8, &random)
        faults.hang = chance(60, &random)
        // Now and then so often that images use up their attempts.
        faults.retryableFailure = chance(random.oneIn(4) ? 5 : 40, &random)
        faults.bitFlip = chance(10, &random)
        faults.staleResult = chance(20, &random)
        faults.spoiledCheckpoint = chance(4, &random)
        faults.staleCheckpoint = chance(10, &random)
        faults.until = random.seconds(20...400)
        if random.oneIn(8) { hopeless = [random.below(requests.count)] }
        if random.oneIn(8) { poisonous = [random.below(requests.count)] }
        if random.oneIn(8) { machines[random.below(machines.count)].kernelClass = "b" }
        if random.oneIn(8), machines.count > 1 { machines[0].hasOtherModel = true }
        if random.oneIn(4) { machines[random.below(machines.count)].keepsOldResult = true }
        if random.oneIn(8) { addresses.append(random.below(machines.count)) }
        if random.oneIn(4), poisonous.isEmpty { immortal = machines.count - 1 }
        addEpisodes(&random)
        if random.oneIn(8) { addVersions(&random) }
    }

    private mutating func addVersions(_ random: inout SplitMix64) {
        outdated = [random.below(machines.count)]
        for item in requests.indices where random.oneIn(2) { novel.insert(item) }
    }

    private mutating func addEpisodes(_ random: inout SplitMix64) {
        for _ in 0..<random.below(6) {
            let time = random.seconds(0...60)
            episodes.append((time, episode(&random)))
        }
    }

    private func episode(_ random: inout SplitMix64) -> Episode {
        let machine = random.below(machines.count)
        let length = random.seconds(1...90)
        switch random.below(16) {
        case 0, 1: return .crash(machine, downFor: random.seconds(0...60))
        case 2, 3: return .freeze(machine, random.seconds(1...200))
        case 4: return .clog(machine, toWorker: random.oneIn(2), length)
        case 5, 6: return .swizzle(subset(&random), each: random.seconds(1...20))
        case 7: return .partition(subset(&random), toWorker: true, fromWorker: true, length)
        case 8: return .partition([machine], toWorker: true, fromWorker: true, length)
        case 9:
            let toWorker = random.oneIn(2)
            return .partition(subset(&random), toWorker: toWorker, fromWorker: !toWorker, length)
        case 10: return .slowDown(machine, 10, length)
        case 11: return .clockJump(machine, random.seconds(1...600))
        case 12, 13: return .coordinatorCrash(downFor: random.seconds(0...30))
        case 14: return .diskFull(length)
        default: return random.oneIn(2) ? .drain(machine) : .cancel
        }
    }

    /// A random share of the machines, in a random order.
    private func subset(_ random: inout SplitMix64) -> [Int] {
        Array(random.shuffled(machines.count).prefix(random.between(1...machines.count)))
    }
}
