// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import WireProtocol
import Worker

/// The network: in order or not at all, late, in one direction only, damaged.
extension SimulatedCluster {
    /// A TCP connection; pairs hold what goes from the worker, then what goes to it.
    struct Link {
        var worker: Int
        /// The address that was dialled.
        var name: String
        var connection: ConnectionID
        var life: Int
        var isOpen = false
        /// Told to close before it stood.
        var isGivenUp = false
        /// That end sends nothing any more.
        var isFinished = [false, false]
        /// Bytes vanish, and neither end is notified.
        var isBlackHole = [false, false]
        /// The receiver does not read any more.
        var isDeaf = [false, false]
        var clearAt = [Duration.zero, .zero]
        /// What waits until a clog is gone.
        var held: [[Parcel]] = [[], []]
    }

    mutating func connect(_ id: ConnectionID, _ address: WorkerAddress) {
        let worker = scenario.addresses[address.port - 1]
        let link = links.count
        links.append(Link(worker: worker, name: address.description, connection: id, life: life))
        linkOfConnection.append(link)
        checkDial(address.port)
        if nodes[worker].clogCounts != [0, 0] {
            timeline.schedule(.connectResult(link: link, isOpen: false), in: .seconds(5))
            return
        }
        let isRefused = strikes(scenario.faults.refusedConnect, worker)
        timeline.schedule(
            .connectResult(link: link, isOpen: !isRefused), in: random.seconds(0.001...0.2))
    }

    mutating func connectResult(_ link: Int, isOpen: Bool) {
        let (worker, id) = (links[link].worker, links[link].connection)
        guard links[link].life == life, !links[link].isGivenUp else { return }
        guard isOpen, !nodes[worker].isDown, !nodes[worker].machine.hasStopped else {
            feedCoordinator(.connectFailed(id, reason: "refused"))
            return
        }
        links[link].isOpen = true
        feed(worker, .connected(UInt64(link), peer: "coordinator"))
        feedCoordinator(.connected(id))
    }

    mutating func send(_ link: Int, _ message: Message, toWorker: Bool) {
        guard links.indices.contains(link) else { return }
        let (worker, direction) = (links[link].worker, toWorker ? 1 : 0)
        guard links[link].isOpen, !links[link].isFinished[direction] else { return }
        var delay = random.seconds(0.001...0.1)
        if strikes(scenario.faults.stall, worker) { delay += random.seconds(1...90) }
        if strikes(scenario.faults.halfOpen, worker) {
            links[link].isBlackHole[random.below(2)] = true
        }
        if strikes(scenario.faults.cut, worker) {
            close(link, byWorker: true, isAbrupt: true)
            close(link, byWorker: false, isAbrupt: true)
            return
        }
        // TCP keeps the order: nothing overtakes.
        let time = max(timeline.now + delay, links[link].clearAt[direction])
        links[link].clearAt[direction] = time
        let isDamaged = strikes(scenario.faults.corruption, worker)
        let parcel =
            isDamaged ? Parcel.damage(.payloadChecksumMismatch(message.type)) : .message(message)
        timeline.schedule(.deliver(link: link, parcel, toWorker: toWorker), at: time)
    }

    /// One end closes; what it sent before arrives first, unless it was cut off.
    mutating func close(_ link: Int, byWorker: Bool, isAbrupt: Bool) {
        guard links.indices.contains(link) else { return }
        let direction = byWorker ? 0 : 1
        guard links[link].isOpen else {
            if !byWorker { links[link].isGivenUp = true }
            return
        }
        guard !links[link].isFinished[direction] else { return }
        links[link].isFinished[direction] = true
        var time = max(timeline.now, links[link].clearAt[direction])
        if isAbrupt, random.oneIn(2) {
            // A reset overtakes what is under way.
            time = timeline.now
            timeline.schedule(
                .deliver(link: link, .end, toWorker: !byWorker), in: .milliseconds(1))
            links[link].isBlackHole[direction] = true
            return
        }
        timeline.schedule(
            .deliver(link: link, .end, toWorker: !byWorker), at: time + .milliseconds(1))
    }

    mutating func arrive(_ link: Int, _ parcel: Parcel, toWorker: Bool) {
        let direction = toWorker ? 1 : 0
        if nodes[links[link].worker].clogCounts[direction] > 0
            || !links[link].held[direction].isEmpty
        {
            links[link].held[direction].append(parcel)
            return
        }
        deliver(link, parcel, toWorker: toWorker)
    }

    private mutating func deliver(_ link: Int, _ parcel: Parcel, toWorker: Bool) {
        let direction = toWorker ? 1 : 0
        guard !links[link].isDeaf[direction] else { return }
        if links[link].isBlackHole[direction] {
            // The end of a connection that was reset is reported; that of a half-open one is not.
            guard case .end = parcel, links[link].isFinished[direction] else { return }
        }
        let (worker, id) = (links[link].worker, links[link].connection)
        if case .message = parcel {} else { links[link].isDeaf[direction] = true }
        guard toWorker || links[link].life == life else { return }
        switch (parcel, toWorker) {
        case (.message(.assign(let lease, _)), true)
        where scenario.outdated.contains(worker) && scenario.novel.contains(Int(lease.item)):
            let error = WireError.notUnderstood(
                .assign, lease, field: "request layout", value: "1")
            feed(worker, .malformed(UInt64(link), error))
        case (.message(let message), true): feed(worker, .received(UInt64(link), message))
        case (.message(let message), false):
            if case .progress(let report) = message {
                nodes[worker].announce(Int(report.lease.item))
            }
            feedCoordinator(.received(id, spoiled(message, by: worker)))
        case (.damage(let error), true): feed(worker, .malformed(UInt64(link), error))
        case (.damage(let error), false): feedCoordinator(.malformed(id, error))
        case (.end, true):
            feed(worker, .disconnected(UInt64(link), reason: "cut"))
            // A liar that is found out comes back under another name.
            if !scenario.machines[worker].lies.isEmpty, random.oneIn(2) {
                crash(worker, downFor: .milliseconds(100))
            }
        case (.end, false): feedCoordinator(.disconnected(id, reason: "cut"))
        }
    }

    /// Checkpoints may change where they are kept: here, before the coordinator sees them.
    private mutating func spoiled(_ message: Message, by worker: Int) -> Message {
        guard case .checkpoint(let lease, var checkpoint) = message,
            strikes(scenario.faults.spoiledCheckpoint, worker)
        else { return message }
        checkpoint.bytes[random.below(checkpoint.bytes.count)] ^= 1 << UInt8(random.below(8))
        return .checkpoint(lease, checkpoint)
    }

    mutating func clog(_ index: Int, toWorker: Bool, for time: Duration) {
        guard isMortal(index) else { return }
        nodes[index].clogCounts[toWorker ? 1 : 0] += 1
        timeline.schedule(.unclog(index, toWorker: toWorker), in: time)
    }

    mutating func unclog(_ index: Int, toWorker: Bool) {
        let direction = toWorker ? 1 : 0
        nodes[index].clogCounts[direction] -= 1
        guard nodes[index].clogCounts[direction] == 0 else { return }
        for link in links.indices where links[link].worker == index {
            let parcels = links[link].held[direction]
            links[link].held[direction] = []
            for parcel in parcels { deliver(link, parcel, toWorker: toWorker) }
        }
    }

    /// Clogs machines one after the other, and unclogs them in another order.
    mutating func swizzle(_ indices: [Int], each: Duration) {
        let order = random.shuffled(indices.count)
        for (position, index) in indices.enumerated() {
            // All are clogged now; the i-th in the new order is freed after i times.
            let time = each * (order[position] + 1)
            clog(index, toWorker: true, for: time)
            clog(index, toWorker: false, for: time)
        }
    }
}
