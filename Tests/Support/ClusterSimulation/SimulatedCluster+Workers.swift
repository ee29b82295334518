// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import WireProtocol
import Worker

/// The workers' machines: their sampling threads, their deaths and lies.
extension SimulatedCluster {
    /// One machine with a worker on it.
    struct Node {
        var machine: WorkerStateMachine
        /// Grows with every process that is started there.
        var epoch = 0
        var isDown = false
        var tickGeneration = 0
        var cancelled: Set<UInt64> = []
        /// The runs of the generator that show what their images may become.
        var watched: Set<UInt64> = []
        /// What its threads work on; runs of the generator that have not ended.
        var samplings: [UInt64: (sampling: SimulatedSampling, preparation: Preparation)] = [:]
        /// Events that wait while the process is stopped.
        var frozen: [WorkerStateMachine.Event]?
        /// The images that the coordinator heard it begin or resume, the newest last.
        var announced: [Int] = []
        /// What it last said about its image, and on which connection.
        var lastReport: (link: Int, ProgressReport)?
        /// The first lease that it was given.
        var firstLease: Lease?
        var stepTime: Duration
        var slowness = 1
        var clockOffset = Duration.zero
        /// How often each direction is clogged: from and to the worker.
        var clogCounts = [0, 0]

        /// The coordinator heard it begin or resume an image.
        mutating func announce(_ item: Int) {
            announced.removeAll { $0 == item }
            announced = announced.suffix(machine.pictureCount - 1) + [item]
        }
    }

    /// Marks latents of which a bit was flipped before they were hashed.
    static let flippedBit: Float = -1

    mutating func feed(_ index: Int, _ event: WorkerStateMachine.Event) {
        guard !nodes[index].isDown else { return }
        guard nodes[index].frozen == nil else {
            nodes[index].frozen?.append(event)
            return
        }
        log?("\(timeline.now)   W\(index) ← \(event)")
        let offset = nodes[index].clockOffset
        for action in nodes[index].machine.handle(event, now: timeline.now + offset) {
            perform(action, by: index)
        }
        let (held, credits) = (nodes[index].machine.heldCount, nodes[index].machine.credits)
        if held > credits { note("worker \(index) holds \(held) images") }
        let runningCount = nodes[index].samplings.count
        if runningCount > scenario.machines[index].pictureCount {
            note("worker \(index) samples \(runningCount) images at once")
        }
        nodes[index].tickGeneration += 1
        if let deadline = nodes[index].machine.nextDeadline {
            timeline.schedule(
                .workerTick(index, generation: nodes[index].tickGeneration), at: deadline - offset)
        }
    }

    private mutating func perform(_ action: WorkerStateMachine.Action, by index: Int) {
        log?("\(timeline.now)       W\(index) → \(action)")
        switch action {
        case .send(let id, let message):
            switch message {
            case .progress(let report):
                observed.began.insert(report.lease)
                nodes[index].lastReport = (Int(id), report)
            // A result that was kept answers a later attempt without a step.
            case .result(let result): observed.began.insert(result.lease)
            case .nak(let lease, let reason) where reason.code == .overCredit:
                observed.overCreditCounts[Int(lease.item), default: 0] += 1
            default: break
            }
            tell(Int(id), message, by: index)
        case .finish(let id): close(Int(id), byWorker: true, isAbrupt: false)
        case .abort(let id, _): close(Int(id), byWorker: true, isAbrupt: true)
        case .begin(let job, let request, let preparation):
            mix(3, UInt64(index), request.seed)
            let kernelClass = scenario.machines[index].kernelClass
            nodes[index].samplings[job] = (
                SimulatedSampling(request, kernelClass: kernelClass), preparation
            )
            timeline.schedule(
                .began(
                    worker: index, epoch: nodes[index].epoch, job: job, preparation.checkpoint),
                in: .milliseconds(1))
            scheduleStep(index, job, Int(request.seed))
        case .watch(let job, let interval):
            nodes[index].watched.remove(job)
            if interval > 0 { nodes[index].watched.insert(job) }
        case .cancel(let job): nodes[index].cancelled.insert(job)
        case .report, .stop: break
        }
    }

    /// The thread takes up a checkpoint, or restarts where it can't.
    mutating func began(_ index: Int, _ job: UInt64, _ checkpoint: SamplingCheckpoint?) {
        guard let checkpoint, var sampling = nodes[index].samplings[job]?.sampling else { return }
        let bug = scenario.bug?.generator
        do throws(SavedStateError) {
            let bytes =
                bug == .takeDamaged ? SimulatedSampling.mended(checkpoint.bytes) : checkpoint.bytes
            try sampling.restore(bytes, forgets: bug == .forgetHistory)
        } catch {
            observed.ignoredCheckpointCount += 1
            feed(index, .checkpointIgnored(job, reason: "\(error)"))
            return
        }
        nodes[index].samplings[job]?.sampling = sampling
        feed(index, .resumed(job, step: sampling.step, stepCount: sampling.stepCount))
    }

    private mutating func scheduleStep(_ index: Int, _ job: UInt64, _ item: Int) {
        let epoch = nodes[index].epoch
        if strikes(scenario.faults.crash, index) {
            crash(index, downFor: random.seconds(0...20))
            return
        }
        // The machine answers pings, the thread never comes back.
        if strikes(scenario.faults.hang, index) {
            if random.oneIn(2), let (link, report) = nodes[index].lastReport {
                parrot(index, link, report)
            }
            return
        }
        timeline.schedule(
            .step(worker: index, epoch: epoch, job: job, item: item),
            in: nodes[index].stepTime * nodes[index].slowness)
    }

    mutating func step(_ index: Int, _ job: UInt64, _ item: Int) {
        if nodes[index].frozen != nil {
            // The thread stands still too.
            timeline.schedule(
                .step(worker: index, epoch: nodes[index].epoch, job: job, item: item),
                in: .seconds(5))
            return
        }
        nodes[index].samplings[job]?.sampling.next()
        guard let (sampling, preparation) = nodes[index].samplings[job] else { return }
        let interval = preparation.checkpointInterval
        if nodes[index].cancelled.contains(job) {
            stop(index, job, .failed(job, WireReason(.cancelled, "cancelled")))
        } else if scenario.poisonous.contains(item), sampling.isPoisonous(item) {
            kill(index, by: item)
        } else if scenario.hopeless.contains(item) {
            stop(index, job, .failed(job, WireReason(.nonFiniteLatents, "not a number")))
        } else if strikes(scenario.faults.retryableFailure, index) {
            stop(index, job, .failed(job, WireReason(.workerFailed, "out of memory")))
        } else {
            let (step, stepCount) = (sampling.step, sampling.stepCount)
            let seconds = (nodes[index].stepTime * nodes[index].slowness).seconds
            let epoch = nodes[index].epoch
            feed(index, .stepped(job, step: step, stepCount: stepCount, seconds: seconds))
            guard nodes[index].epoch == epoch else { return }
            if step == stepCount {
                finish(index, job, sampling, decodes: preparation.wantsPicture)
                return
            }
            if nodes[index].watched.contains(job) {
                feed(index, .previewed(job, Self.preview(of: item, step: step)))
            }
            if interval > 0, step.isMultiple(of: interval) {
                feed(index, .saved(job, step: step, sampling.checkpoint))
                if strikes(scenario.faults.staleCheckpoint, index) { sendStaleCheckpoint(index) }
            }
            guard nodes[index].epoch == epoch else { return }
            scheduleStep(index, job, item)
        }
    }

    mutating func parrot(_ index: Int, _ link: Int, _ report: ProgressReport) {
        send(link, .progress(report), toWorker: false)
        guard links[link].isOpen, !links[link].isFinished[0] else { return }
        timeline.schedule(
            .parrot(index, epoch: nodes[index].epoch, link: link, report), in: .seconds(10))
    }

    private mutating func stop(
        _ index: Int, _ job: UInt64, _ event: WorkerStateMachine.Event
    ) {
        nodes[index].samplings[job] = nil
        nodes[index].watched.remove(job)
        feed(index, event)
    }

    private mutating func finish(
        _ index: Int, _ job: UInt64, _ sampling: SimulatedSampling, decodes: Bool
    ) {
        let dies = strikes(scenario.faults.crashAtEnd, index)
        let diesBefore = dies && random.oneIn(2)
        if diesBefore {
            crash(index, downFor: random.seconds(0...20))
            return
        }
        var latents = sampling.result
        if strikes(scenario.faults.bitFlip, index) { latents.values[3] = Self.flippedBit }
        if decodes {
            // Now and then a worker can't.
            let event: WorkerStateMachine.Event =
                random.oneIn(8)
                ? .notDecoded(job, reason: "out of memory")
                : .decoded(job, SimulatedSampling.picture(of: latents))
            feed(index, event)
        }
        stop(
            index, job,
            .finished(job, SampledImage(latents: latents, sha256: latents.sha256)))
        if strikes(scenario.faults.staleResult, index) { sendStaleResult(index) }
        if dies { crash(index, downFor: random.seconds(0...20)) }
    }

    /// What a worker with a bug may send: a result of another run, under that run's token.
    private mutating func sendStaleResult(_ index: Int) {
        guard let link = links.lastIndex(where: { $0.worker == index && $0.isOpen }) else { return }
        let item = random.below(scenario.requests.count)
        let latents = GeneratedLatents(channels: 4, height: 1, width: 1, values: [9, 9, 9, 9])
        let result = LatentResult(
            lease: Lease(item: UInt32(item), attempt: 1, token: 1 << 60),
            sampled: SampledImage(latents: latents, sha256: latents.sha256))
        send(link, .result(result), toWorker: false)
    }

    /// What a worker with a bug may send: a checkpoint of another run, under that run's token.
    private mutating func sendStaleCheckpoint(_ index: Int) {
        guard let link = links.lastIndex(where: { $0.worker == index && $0.isOpen }) else { return }
        var request = scenario.requests[random.below(scenario.requests.count)]
        let lease = Lease(item: UInt32(request.seed), attempt: 1, token: 1 << 60)
        request.prompt = "another run's"
        let kernelClass = scenario.machines[index].kernelClass
        var sampling = SimulatedSampling(request, kernelClass: kernelClass)
        sampling.next()
        let checkpoint = SamplingCheckpoint(
            step: 1, kernelClass: kernelClass, bytes: sampling.checkpoint)
        send(link, .checkpoint(lease, checkpoint), toWorker: false)
    }

    private mutating func kill(_ index: Int, by item: Int) {
        // A worker that is gone before the report of its beginning arrives can't be counted.
        if nodes[index].announced.contains(item) { observed.kills[item, default: 0] += 1 }
        // Fast workers tell of every second or every fourth step, so that one place has several
        // names.
        let isExact = scenario.machines.allSatisfy { $0.stepTime > .milliseconds(100) }
        // Beside other images two more are needed until it is sampled without any.
        let isBesideOthers = scenario.machines.contains { $0.pictureCount > 1 }
        let countMax = (isExact ? 2 : 5) + (isBesideOthers ? 2 : 0)
        if scenario.weather == .poison, observed.kills[item] ?? 0 > countMax {
            note("image \(item) ended \(countMax + 1) workers")
        }
        crash(index, downFor: random.seconds(0...5))
    }

    /// `kill -9`, and a new process on the same port after a while.
    mutating func crash(_ index: Int, downFor time: Duration) {
        mix(4, UInt64(index))
        nodes[index].epoch += 1
        nodes[index].isDown = true
        nodes[index].frozen = nil
        nodes[index].cancelled = []
        nodes[index].samplings = [:]
        nodes[index].watched = []
        nodes[index].announced = []
        nodes[index].firstLease = nil
        for link in links.indices where links[link].worker == index {
            close(link, byWorker: true, isAbrupt: true)
        }
        timeline.schedule(.revive(index, epoch: nodes[index].epoch), in: time)
    }

    mutating func revive(_ index: Int, epoch: Int) {
        guard nodes[index].epoch == epoch else { return }
        nodes[index].isDown = false
        nodes[index].machine = makeWorker(index)
    }

    mutating func freeze(_ index: Int, for time: Duration) {
        guard nodes[index].frozen == nil, !nodes[index].isDown else { return }
        nodes[index].frozen = []
        timeline.schedule(.thaw(index), in: time)
    }

    mutating func thaw(_ index: Int) {
        guard let events = nodes[index].frozen else { return }
        nodes[index].frozen = nil
        for event in events { feed(index, event) }
    }

    mutating func makeWorker(_ index: Int) -> WorkerStateMachine {
        nextInstance += 1
        let machine = scenario.machines[index]
        var node = Self.node(
            .worker, instance: nextInstance, credits: machine.credits,
            kernelClass: machine.kernelClass)
        node.pictureCount = machine.pictureCount
        if machine.hasOtherModel { node.model.vae[0] ^= 1 }
        return WorkerStateMachine(node: node, plantedBug: scenario.bug?.worker)
    }

    /// Lets a worker keep the result of a run that went away.
    mutating func leaveOldResult(_ index: Int) {
        let id = UInt64.max
        var request = scenario.requests[0]
        request.prompt = "another run's"
        let owner = Self.node(.coordinator, instance: 77, credits: 0, kernelClass: "a")
        let latents = GeneratedLatents(channels: 4, height: 1, width: 1, values: [9, 9, 9, 9])
        let lease = Lease(item: 0, attempt: 1, token: 1)
        for event: WorkerStateMachine.Event in [
            .connected(id, peer: "old"), .received(id, .hello(owner)),
            .received(id, .assign(lease, request)),
            .finished(1, SampledImage(latents: latents, sha256: latents.sha256)),
            .disconnected(id, reason: "gone"),
        ] { _ = nodes[index].machine.handle(event, now: .zero) }
    }
}
