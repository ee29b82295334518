// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import WireProtocol

/// The coordinator's machine: its events and actions, its disk, its death and return.
extension SimulatedCluster {
    mutating func feedCoordinator(_ event: CoordinatorStateMachine.Event) {
        guard isCoordinatorUp, !hasEnded else { return }
        log?("\(timeline.now) C ← \(event)")
        let actions = coordinator.handle(event, now: timeline.now)
        if let broken = coordinator.brokenInvariant() { note(broken) }
        for action in actions { perform(action) }
        // What is leased, and what workers kept whose leases were lost: two more than their
        // credits.
        let unbidden = scenario.machines.reduce(0) { $0 + $1.credits + ($1.credits + 2) }
        let bound = scenario.configuration.decodeBacklogMax + unbidden
        if coordinator.backlogCount > bound {
            note("\(coordinator.backlogCount) results wait for the decoder")
        }
        checkBacklog(grants: actions, after: event)
        checkSetAside(grants: actions, after: event)
        guard isCoordinatorUp else { return }
        coordinatorTick += 1
        if let deadline = coordinator.nextDeadline {
            if deadline <= timeline.now, case .tick = event { note("a tick that changes nothing") }
            timeline.schedule(.coordinatorTick(generation: coordinatorTick), at: deadline)
        }
    }

    /// While too many results wait no worker gets another image than it samples already.
    private mutating func checkBacklog(
        grants actions: [CoordinatorStateMachine.Action], after event: CoordinatorStateMachine.Event
    ) {
        guard coordinator.backlogCount >= scenario.configuration.decodeBacklogMax else { return }
        let grants = actions.count { if case .send(_, .assign) = $0 { true } else { false } }
        let isTakenUp = if case .received(_, .progress) = event { true } else { false }
        if grants > (isTakenUp ? 1 : 0) {
            note("an image is given out while \(coordinator.backlogCount) results wait")
        }
    }

    private mutating func perform(_ action: CoordinatorStateMachine.Action) {
        log?("\(timeline.now)     C → \(action)")
        switch action {
        case .connect(let id, let address): connect(id, address)
        case .send(let id, let message): sendFromCoordinator(id, message)
        case .finish(let id):
            close(linkOfConnection[Int(id.rawValue) - 1], byWorker: false, isAbrupt: false)
        case .abort(let id, _):
            close(linkOfConnection[Int(id.rawValue) - 1], byWorker: false, isAbrupt: true)
        case .store(let image, let result, _, _):
            let item = image.rawValue
            mix(1, UInt64(item), result.lease.token)
            inFlight.insert(item)
            timeline.schedule(.stored(item: item, life: life), in: scenario.storeTime)
        case .forget(let image): forget(image.rawValue)
        case .keep(let image, let checkpoint): keep(checkpoint, of: image.rawValue)
        case .decode(let stored):
            decode(stored.result, stored.kernelClass)
            check(stored.picture, of: stored.result)
        case .report(let event): observe(event)
        case .end: ended()
        }
    }

    private mutating func sendFromCoordinator(_ id: ConnectionID, _ message: Message) {
        switch message {
        case .resultAck(let lease):
            let item = Int(lease.item)
            let isUnwanted = [.failed, .cancelled].contains(observed.outcomes[item])
            if !disk.contains(item), !isUnwanted, !observed.isCancelled {
                note("the result of image \(item) was acknowledged before it was stored")
            }
        case .assign(let lease, _):
            mix(2, UInt64(lease.item), lease.token, id.rawValue)
            let worker = links[linkOfConnection[Int(id.rawValue) - 1]].worker
            observed.granted.append((worker, lease))
            if nodes[worker].firstLease == nil { nodes[worker].firstLease = lease }
            if observed.outcomes[Int(lease.item)] == .cancelled {
                note("image \(lease.item) was given out after it was cancelled")
            }
            if observed.isCancelled { note("image \(lease.item) was given out after the end") }
        case .prepare(let lease, let preparation): checkPreparation(preparation, lease, id)
        default: break
        }
        send(linkOfConnection[Int(id.rawValue) - 1], message, toWorker: true)
    }

    mutating func stored(_ item: Int) {
        guard inFlight.remove(item) != nil else { return }
        if isDiskFull {
            feedCoordinator(
                .storeFailed(image: ImageNumber(item), reason: "no space left on device"))
        } else {
            disk.insert(item)
            keptCheckpoints[item] = nil
            feedCoordinator(.stored(image: ImageNumber(item)))
        }
    }

    /// Keeping may take its time; what is kept may be lost with the coordinator.
    private mutating func keep(_ checkpoint: SamplingCheckpoint, of item: Int) {
        mix(9, UInt64(item), UInt64(checkpoint.step))
        observed.checkpointCount += 1
        if !isDiskFull, !random.oneIn(4) { keptCheckpoints[item] = checkpoint }
    }

    private mutating func checkPreparation(
        _ preparation: Preparation, _ lease: Lease, _ id: ConnectionID
    ) {
        let machine = scenario.machines[links[linkOfConnection[Int(id.rawValue) - 1]].worker]
        if let foreign = preparation.checkpoint?.kernelClass, foreign != machine.kernelClass {
            note("image \(lease.item) is to go on under other kernels than \(foreign)")
        }
    }

    /// A picture shows the latents that it came with.
    private mutating func check(_ picture: WorkerPicture?, of result: LatentResult) {
        guard let picture else { return }
        observed.pictureCount += 1
        if picture != SimulatedSampling.picture(of: result.latents) {
            note("the picture of image \(result.lease.item) shows something else")
        }
        let request = scenario.requests[Int(result.lease.item)]
        if picture.image.width != request.width || picture.image.height != request.height {
            note("the picture of image \(result.lease.item) has another size")
        }
    }

    private mutating func decode(_ result: LatentResult, _ kernelClass: String) {
        let item = Int(result.lease.item)
        if !observed.decoded.insert(item).inserted { note("image \(item) was decoded twice") }
        if observed.outcomes[item] == .cancelled { note("image \(item) is decoded, but cancelled") }
        guard result.latents.values.count == 4, result.latents.channels == 4 else {
            return note("the latents of image \(item) have another shape")
        }
        if result.latents.values[0] == Self.undecodable {
            timeline.schedule(.notDecoded(item: item, life: life), in: random.seconds(0.01...6))
            return
        }
        if result.latents.values[3] == Self.flippedBit {
            observed.silentErrorCount += 1
        } else {
            let expected =
                kernelClass == "a"
                ? observed.expected[item]
                : SimulatedSampling.result(
                    of: scenario.requests[item], kernelClass: kernelClass)
            if result.latents != expected { note("image \(item) has wrong latents") }
        }
        timeline.schedule(.decoded(item: item, life: life), in: random.seconds(0.01...6))
    }

    /// What was stored can't be decoded: the image has no outcome yet.
    private mutating func forget(_ item: Int) {
        observed.undecodableCount += 1
        disk.remove(item)
        observed.decoded.remove(item)
        observed.outcomes[item] = nil
    }

    private mutating func ended() {
        guard coordinator.storeFailure != nil, !observed.isCancelled else {
            if hasEnded { note("the end came twice") }
            end()
            return
        }
        // The run is resumed when there is room again.
        crashCoordinator(downFor: .seconds(100))
    }

    /// `kill -9`; a write under way may have reached the disk or not.
    mutating func crashCoordinator(downFor time: Duration) {
        guard isCoordinatorUp, !hasEnded, !observed.isCancelled else { return }
        observed.coordinatorCrashCount += 1
        isCoordinatorUp = false
        for item in inFlight.sorted() where !isDiskFull && random.oneIn(2) { disk.insert(item) }
        inFlight = []
        for link in links.indices { close(link, byWorker: false, isAbrupt: true) }
        life += 1
        timeline.schedule(.reviveCoordinator, in: time)
    }

    mutating func reviveCoordinator() {
        isCoordinatorUp = true
        linkOfConnection = []
        observed.granted = []
        observed.setAside = []
        observed.lastDials = [:]
        observed.forgetFailures()
        var completed: [ImageNumber: [UInt8]] = [:]
        for item in disk {
            completed[ImageNumber(item)] = observed.expected[item].sha256
            // What an earlier life stored without a word is announced by this one.
            observed.outcomes[item] = .completed
            observed.decoded.insert(item)
        }
        coordinator = Self.coordinator(
            of: scenario, addresses: otherAddresses(), session: life + 1)
        let checkpoints = keptCheckpoints.map { (ImageNumber($0.key), $0.value) }
        beginSession(
            ResumedRun(
                completed: completed,
                checkpoints: Dictionary(uniqueKeysWithValues: checkpoints)))
    }

    /// The hosts file of a resumed run may have fewer lines, or those that were left out before.
    private mutating func otherAddresses() -> [Int] {
        let all = Array(scenario.addresses.indices)
        guard random.oneIn(2) else { return all }
        let some = random.shuffled(all.count).prefix(random.between(1...all.count))
        let immortal = all.filter { scenario.addresses[$0] == scenario.immortal }
        return all.filter { some.contains($0) || immortal.contains($0) }
    }

    static func address(_ index: Int) -> WorkerAddress {
        WorkerAddress(host: "w", port: index + 1)
    }

    static func coordinator(
        of scenario: Scenario, addresses: [Int], session: Int
    ) -> CoordinatorStateMachine {
        CoordinatorStateMachine(
            node: node(.coordinator, instance: 0, credits: 0, kernelClass: "a"),
            configuration: scenario.configuration,
            workers: addresses.map(address),
            mint: LeaseMint(
                key: [UInt8](repeating: 7, count: LeaseMint.keyByteCount),
                session: session),
            end: scenario.batches.isEmpty ? .whenEmpty : .never)
    }
}
