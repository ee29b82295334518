// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import GenerationTypes
import WireProtocol

/// What is seen from outside, and what must be true of it.
extension SimulatedCluster {
    /// What happened to an image.
    enum Outcome { case completed, failed, cancelled }

    /// Everything seen so far.
    struct Observations {
        var outcomes: [Int: Outcome] = [:]
        var decoded: Set<Int> = []
        /// Leases that a worker said it had begun.
        var began: Set<Lease> = []
        /// Workers that each image ended.
        var kills: [Int: Int] = [:]
        /// What honest workers of class `a` return.
        var expected: [GeneratedLatents] = []
        var isCancelled = false
        /// Which images were submitted together.
        var batches: [ImageBatch.ID: Range<Int>] = [:]
        var imageCounts: [Int] = []
        var lastStored = Duration.zero
        var attemptCounts: [Int: Int] = [:]
        /// How often workers had no room for an image; they are asked again every second.
        var overCreditCounts: [Int: Int] = [:]
        /// Images that somebody looks at.
        var watched: Set<Int> = []
        /// Addresses that an operator has drained in this life.
        var setAside: Set<String> = []
        /// Leases of this life, and the machines that got them.
        var granted: [(worker: Int, lease: Lease)] = []
        /// When each address was dialled last.
        var lastDials: [Int: Duration] = [:]
        var drainCount = 0
        var lieCount = 0
        var undecodableCount = 0
        var coordinatorCrashCount = 0
        var retryCount = 0
        var notUnderstoodCount = 0
        var quarantineCount = 0
        var alarmCount = 0
        var silentErrorCount = 0
        var checkpointCount = 0
        var pictureCount = 0
        var resumedCount = 0
        var savedStepCount = 0
        var ignoredCheckpointCount = 0

        /// A coordinator that comes back may try again what had failed.
        mutating func forgetFailures() {
            for (item, outcome) in outcomes where outcome == .failed { outcomes[item] = nil }
        }
    }

    mutating func observe(_ event: CoordinatorEvent) {
        switch event {
        case .completed(let result):
            let item = result.image.rawValue
            observed.imageCounts[machine(named: result.worker)] += 1
            observed.lastStored = timeline.now
            mix(5, UInt64(item), UInt64(result.attempt))
            if !disk.contains(item) { note("image \(item) was announced before it was stored") }
            settle(item, .completed)
        case .failed(let image, let failures):
            let item = image.rawValue
            mix(6, UInt64(item), UInt64(failures.count))
            settle(item, .failed)
            checkFailure(item, failures)
        case .cancelled(let image):
            mix(10, UInt64(image.rawValue))
            settle(image.rawValue, .cancelled)
        case .notUnderstood(let image, let worker, _):
            observed.notUnderstoodCount += 1
            if !scenario.novel.contains(image.rawValue)
                || !scenario.outdated.contains(machine(named: worker))
            {
                note("\(worker) does not understand image \(image)")
            }
        case .retried(let image, let failure):
            mix(7, UInt64(image.rawValue), UInt64(failure.attempt))
            observed.retryCount += 1
            checkRetry(image.rawValue, failure)
        case .resultsDiffer(let image, let worker, let first):
            observed.alarmCount += 1
            if scenario.faults.bitFlip == 0, !scenario.hasLiar(.undecodable) {
                note("image \(image) differs between \(worker) and \(first)")
            }
        case .resumed(let image, _, let step):
            mix(8, UInt64(image.rawValue), UInt64(step))
            observed.resumedCount += 1
            observed.savedStepCount += step
        case .workerQuarantined(let worker, let reason, _):
            observed.quarantineCount += 1
            if !scenario.hasLiar(.undecodable) { checkHonest(worker, "rests: \(reason)") }
        case .workerRefused(let worker, let reason): checkHonest(worker, "is refused: \(reason)")
        case .imageOverdue(let image, let worker, _):
            checkHonest(worker, "does nothing about image \(image)")
            if scenario.weather == .calm { note("image \(image) is overdue in calm weather") }
        case .workerDrained(let worker): checkDrain(of: worker)
        case .previewed(let image, let preview): checkPreview(preview, of: image.rawValue)
        case .assigned(let image, _, let attempt):
            planWatch(image.rawValue)
            let takenCount = attempt - observed.overCreditCounts[image.rawValue, default: 0]
            if scenario.weather == .lies, takenCount > 20 {
                note("image \(image) is given out \(attempt) times")
            }
        case .workerLost(let worker, let reason, _):
            if scenario.weather == .calm { note("\(worker) is lost in calm weather: \(reason)") }
            checkHonest(worker, "is lost: \(reason)")
            checkLease(worker, reason)
        default: break
        }
    }

    private mutating func settle(_ item: Int, _ outcome: Outcome) {
        if let old = observed.outcomes.updateValue(outcome, forKey: item) {
            note("image \(item) is \(outcome) after it was \(old)")
        }
    }

    /// Every failure needs a good reason.
    private mutating func checkFailure(_ item: Int, _ failures: [FailedAttempt]) {
        let attempts = failures.count { !$0.worker.isEmpty }
        let isExhausted = attempts >= scenario.configuration.tolerance.attemptCountMax
        let isForsaken = failures.last?.reason == "no usable worker is left"
        let isPoisonous = failures.last?.reason.hasPrefix("failed: ") == true
        let isHopeless = scenario.hopeless.contains(item)
        let isNotUnderstood =
            failures.last?.reason.hasPrefix("no worker can generate it") == true
            && scenario.novel.contains(item)
        if isNotUnderstood, let immortal = scenario.immortal,
            !scenario.outdated.contains(immortal)
        {
            note("image \(item) failed though a worker understands it")
        }
        if isForsaken, scenario.immortal != nil { note("image \(item) was forsaken") }
        if !isExhausted, !isForsaken, !isPoisonous, !isHopeless, !isNotUnderstood {
            note("image \(item) failed early: \(failures)")
        }
        let tolerance = scenario.configuration.tolerance
        if attempts > tolerance.attemptCountMax + tolerance.lossCountMax {
            note("image \(item) failed \(attempts) times")
        }
        if scenario.weather == .calm { note("image \(item) failed in calm weather") }
        if scenario.weather == .lies, !scenario.hasLiar(.undecodable) {
            note("image \(item) failed by lies: \(failures)")
        }
        if scenario.weather == .poison, !scenario.poisonous.contains(item) {
            note("image \(item) failed without a reason")
        }
    }

    private mutating func checkRetry(_ item: Int, _ failure: FailedAttempt) {
        if scenario.weather == .calm { note("image \(item) is retried in calm weather") }
        let hasBegun = observed.began.contains {
            $0.item == UInt32(item) && $0.attempt == failure.attempt
        }
        if !hasBegun { note("image \(item) is charged with an attempt that never began") }
    }

    mutating func checkEnd() {
        if !observed.isCancelled, observed.outcomes.count != scenario.requests.count {
            let count = observed.outcomes.count
            note("\(count) of \(scenario.requests.count) images have an outcome")
        }
        for item in observed.batches.values.joined() where observed.outcomes[item] == nil {
            note("image \(item) was submitted and has no outcome")
        }
        if scenario.weather == .lies, observed.lastStored > scenario.honestLimit {
            note("liars delayed the run to \(observed.lastStored)")
        }
        if !coordinator.handle(.tick, now: timeline.now).isEmpty {
            note("something happens after the end")
        }
    }

    // MARK: Values

    static func configuration() -> CoordinatorConfiguration {
        CoordinatorConfiguration(
            name: "simulated", build: "test", kernelClass: "a", coreCount: 1,
            memoryByteCount: 1 << 30, model: model,
            latents: LatentFormat(channelCount: 4, scale: 8))
    }

    private static let model = ModelFingerprint(
        unet: [UInt8](repeating: 1, count: 32), textEncoder: [UInt8](repeating: 2, count: 32),
        vae: [UInt8](repeating: 3, count: 32))

    static func node(
        _ role: PeerRole, instance: UInt64, credits: Int, kernelClass: String
    ) -> NodeDescription {
        let bytes = (0..<16).map { UInt8(truncatingIfNeeded: instance >> (8 * UInt64($0 % 8))) }
        return NodeDescription(
            role: role, instance: bytes, name: "n", build: "test", kernelClass: kernelClass,
            coreCount: 1, memoryByteCount: 1, model: model, credits: credits)
    }
}
