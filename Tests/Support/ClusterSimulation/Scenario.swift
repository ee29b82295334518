// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
package import Coordinator
package import GenerationTypes
import TestSupport

/// All that happens to one simulated cluster, drawn from one seed.
package struct Scenario: Sendable {
    /// What kind of day it is.
    package enum Weather: Sendable, CaseIterable {
        /// No faults at all: everything is sampled at the first attempt.
        case calm
        /// Some images kill every worker that samples them; nothing else goes wrong.
        case poison
        /// Everything at once.
        case storm
        /// One or two workers lie in every way they can; nothing else goes wrong.
        case lies
        /// Batches come and go while the cluster is at work, in good days and bad ones.
        case batches
    }

    /// One simulated machine.
    struct Machine: Sendable {
        var credits: Int
        var stepTime: Duration
        /// Images that it samples at the same time.
        var pictureCount = 1
        /// Two classes compute different bits.
        var kernelClass = "a"
        /// It holds other weights and must be refused.
        var hasOtherModel = false
        /// What it says that no sound worker says; each lease meets one of them.
        var lies: [Lie] = []
        /// It still keeps a result of an earlier run, with the same image number.
        var keepsOldResult = false
    }

    /// Something that happens once.
    enum Episode: Sendable {
        case crash(Int, downFor: Duration)
        case freeze(Int, Duration)
        case clog(Int, toWorker: Bool, Duration)
        case swizzle([Int], each: Duration)
        case partition([Int], toWorker: Bool, fromWorker: Bool, Duration)
        case slowDown(Int, Int, Duration)
        case clockJump(Int, Duration)
        case coordinatorCrash(downFor: Duration)
        case diskFull(Duration)
        case drain(Int)
        case cancel
    }

    package let seed: UInt64
    package let weather: Weather
    package var requests: [GenerationRequest]
    package var configuration: CoordinatorConfiguration
    var machines: [Machine]
    /// Which machine each address of the hosts file reaches; two may reach the same.
    var addresses: [Int]
    var faults = Faults()
    var episodes: [(time: Duration, episode: Episode)] = []
    /// Images that kill every worker that samples them.
    var poisonous: Set<Int> = []
    /// Images that become NaN everywhere.
    var hopeless: Set<Int> = []
    /// Machines with an older build, and the images whose requests they do not understand.
    var outdated: Set<Int> = []
    var novel: Set<Int> = []
    /// One machine to which nothing bad ever happens.
    var immortal: Int?
    /// How long writing a result takes.
    var storeTime = Duration.milliseconds(5)
    /// The batches of a cluster that is kept between them; empty for a run, which is one batch.
    var batches: [Batch] = []
    /// A mistake that somebody made on purpose.
    package var bug: PlantedBug?

    /// Draws a scenario.
    ///
    /// - Parameter weather: `nil` draws that too: one seed in eight is calm, one poisonous, one of
    ///   liars, one of batches.
    package init(seed: UInt64, weather: Weather? = nil, bug: PlantedBug? = nil) {
        var random = SplitMix64(seed: seed)
        self.seed = seed
        let weathers: [Weather] = [.calm, .poison, .lies, .storm, .batches]
        let day = Int(seed % 8)
        self.weather = weather ?? (day < weathers.count ? weathers[day] : .storm)
        self.bug = bug
        let count = random.between(1...14)
        // Now and then images that take longer than a lease may go without a step.
        let scale = random.oneIn(8) ? 10 : 1
        requests = (0..<count).map {
            GenerationRequest(
                prompt: "\($0)", seed: UInt64($0), width: 8, height: 8,
                inferenceStepCount: (1 + $0 % 5) * scale)
        }
        machines = (0..<random.between(1...4)).map { _ in
            Machine(credits: random.between(1...3), stepTime: random.seconds(0.05...3))
        }
        if random.oneIn(2) {
            for index in machines.indices { machines[index].stepTime = machines[0].stepTime }
        }
        addresses = Array(machines.indices)
        configuration = SimulatedCluster.configuration()
        configuration.decodeBacklogMax = random.between(1...4)
        configuration.plantedBug = bug?.coordinator
        switch random.below(8) {
        case 0: configuration.checkpoints = .every(0)
        case 1: configuration.checkpoints = .automatic
        default: configuration.checkpoints = .every(random.between(1...3))
        }
        configuration.wantsPictures = random.oneIn(2)
        buggify(&random)
        switch self.weather {
        case .calm: break
        case .poison: addPoison(&random)
        case .storm: addStorm(&random)
        case .lies: addLiars(&random)
        case .batches: addBatches(&random)
        }
        addPictures()
    }

    /// Odd but lawful settings: what they hurt would hurt others some day.
    private mutating func buggify(_ random: inout SplitMix64) {
        if random.oneIn(4) {
            // Above ten of the slowest step: a healthy worker never loses a lease.
            configuration.timeouts.stepTimeFloor = .seconds(35)
            configuration.timeouts.firstStep = .seconds(35)
        }
        if random.oneIn(4) { configuration.decodeBacklogMax = 1 }
        if random.oneIn(4) { for index in machines.indices { machines[index].credits = 1 } }
        if random.oneIn(4) { configuration.tolerance.retryPause = .milliseconds(1) }
        if random.oneIn(4) { storeTime = random.seconds(0.1...5) }
        if random.oneIn(8) { storeTime = random.seconds(100...500) }
        if random.oneIn(8) { configuration.timeouts.pingInterval = .seconds(1) }
    }

    /// Some machines sample several images at the same time; drawn apart, so that all else stays as
    /// it was.
    private mutating func addPictures() {
        var random = SplitMix64(seed: seed ^ 0x5043_5455_5245_5321)
        guard random.oneIn(3) else { return }
        for index in machines.indices where random.oneIn(2) {
            machines[index].pictureCount = random.between(2...4)
            machines[index].credits = machines[index].pictureCount + random.below(4)
        }
    }

    private mutating func addPoison(_ random: inout SplitMix64) {
        // Two machines at least: the breaker must leave the rest of the batch a chance.
        while machines.count < 2 {
            machines.append(Machine(credits: 1, stepTime: random.seconds(0.05...3)))
        }
        addresses = Array(machines.indices)
        poisonous = [random.below(requests.count)]
    }
}
