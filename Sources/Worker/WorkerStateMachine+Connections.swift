// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import WireProtocol

/// Which coordinators are accepted, and what happens when they leave.
extension WorkerStateMachine {
    mutating func connected(_ id: ConnectionID, peer: String, now: Duration) {
        connections[id] = Connection(
            phase: .greeting(deadline: now + timeouts.handshake), peer: peer,
            watch: PeerWatch(timeouts: timeouts, now: now))
    }

    mutating func received(_ id: ConnectionID, _ message: Message, now: Duration) {
        guard let connection = connections[id] else { return }
        connections[id]?.watch.heard(now: now)
        switch (connection.phase, message) {
        case (.closing, _): break
        case (_, .ping(let number)): actions.append(.send(id, .pong(number)))
        case (.greeting, .hello(let node)): greet(id, node, now: now)
        case (.active, .goodbye(let reason)), (.active, .refuse(let reason)):
            forget(owner: connection.instance)
            actions.append(.report(.coordinatorLeft(name: connection.name, reason: reason.text)))
            close(id, nil, now: now)
        case (.active, .pong): break
        case (.active, .prepare(let lease, let preparation)):
            connections[id]?.prepared = (lease, preparation)
        case (.active, .assign(let lease, let request)):
            if let error = connection.unclear, error.lease == lease {
                giveBack(lease, error, on: id)
                return
            }
            if plantedBug != .keepPrepared { connections[id]?.prepared = nil }
            let prepared = connection.prepared.flatMap {
                $0.lease == lease || plantedBug == .keepPrepared ? $0 : nil
            }
            assigned(
                lease, request, prepared?.preparation ?? Preparation(), on: id,
                owner: connection.instance)
        case (.active, .resultAck(let lease)):
            kept.removeAll { $0.result.lease == lease && $0.owner == connection.instance }
            actions.append(.send(id, .ackConfirm(lease)))
        case (.active, .cancel(let lease)): cancel(lease, on: id, owner: connection.instance)
        case (.active, .watch(let lease, let interval)):
            watch(lease, interval, owner: connection.instance)
        case (.active, .drain(let reason)):
            connections[id]?.isDraining = true
            giveBackQueue(reason: reason.text)
        default: malformed(id, .outOfOrder(message.type), now: now)
        }
    }

    mutating func malformed(_ id: ConnectionID, _ error: WireError, now: Duration) {
        guard let connection = connections[id] else { return }
        if connection.phase == .active, let lease = error.lease {
            connections[id]?.watch.heard(now: now)
            if case .notUnderstood(.prepare, _, _, _) = error {
                // Answered with its ASSIGN, so that the coordinator receives one answer.
                connections[id]?.unclear = error
            } else {
                giveBack(lease, error, on: id)
            }
            return
        }
        let reason = WireReason(error.code, error.description)
        switch connection.phase {
        case .closing: break
        case .greeting:
            actions.append(
                .report(.strangerRejected(peer: connection.peer, reason: error.description)))
            // A stranger would not understand our frame.
            if case .stranger = error {
                close(id, nil, now: now)
            } else {
                close(id, .refuse(reason), now: now)
            }
        case .active:
            leave(connection, reason: error.description)
            close(id, .goodbye(reason), now: now)
        }
    }

    mutating func disconnected(_ id: ConnectionID, reason: String) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        switch connection.phase {
        case .closing: break
        case .greeting:
            actions.append(.report(.strangerRejected(peer: connection.peer, reason: reason)))
        case .active: leave(connection, reason: reason)
        }
        if active == id { active = nil }
    }

    mutating func drain() {
        guard !isDraining else { return }
        isDraining = true
        if let active {
            actions.append(.send(active, .drain(WireReason(.draining, "the worker is stopping"))))
            giveBackQueue(reason: "the worker is stopping")
        } else {
            cancelRunning { _ in true }
        }
    }

    private mutating func greet(_ id: ConnectionID, _ coordinator: NodeDescription, now: Duration) {
        connections[id]?.name = coordinator.name
        connections[id]?.instance = coordinator.instance
        if let refusal = refusal(of: coordinator) {
            actions.append(
                .report(
                    .coordinatorRefused(
                        name: coordinator.name, peer: connections[id]?.peer ?? "",
                        reason: refusal.text)))
            close(id, .refuse(refusal), now: now)
            return
        }
        if let old = active {
            // The same run reconnected before its old connection was known to be dead.
            let reason = "it connected anew"
            actions.append(.abort(old, reason: reason))
            disconnected(old, reason: reason)
        }
        cancelRunning { $0.owner != coordinator.instance }
        active = id
        connections[id]?.phase = .active
        actions.append(.send(id, .welcome(node)))
        actions.append(
            .report(.coordinatorJoined(name: coordinator.name, peer: connections[id]?.peer ?? "")))
        for item in kept
        where item.owner == coordinator.instance || plantedBug == .resendToAnyone {
            send(item, on: id)
        }
        // Tells the coordinator what is still running; it adopts the work with ASSIGN or cancels it.
        for job in running where job.owner == coordinator.instance && !job.isCancelled {
            let report = ProgressReport(
                lease: job.lease, step: job.step, stepCount: max(job.stepCount, job.step),
                seconds: 0)
            actions.append(.send(id, .progress(report)))
        }
    }

    private func refusal(of coordinator: NodeDescription) -> WireReason? {
        if isDraining { return WireReason(.draining, "\(node.name) is stopping") }
        guard coordinator.model.samplesLike(node.model) else {
            let difference = node.model.difference(from: coordinator.model)
            return WireReason(
                .modelMismatch,
                "it has another model: \(difference); start it with this run's "
                    + "--model, --lora and --embd-dir")
        }
        guard let active, let holder = connections[active],
            holder.instance != coordinator.instance
        else { return nil }
        return WireReason(
            .busy, "\(node.name) is working for \(holder.name)",
            retryAfterMilliseconds: Int(timeouts.busyRetry.seconds * 1000))
    }

    private mutating func leave(_ connection: Connection, reason: String) {
        // Waiting images are leased to others by now; running ones may be wanted on reconnection.
        queue.removeAll { $0.owner == connection.instance }
        for index in running.indices where running[index].owner == connection.instance {
            running[index].isOrphan = true
        }
        actions.append(.report(.coordinatorLeft(name: connection.name, reason: reason)))
        if isDraining || connection.isDraining { forget(owner: connection.instance) }
    }

    /// This coordinator's run is over: its images will never be requested again.
    private mutating func forget(owner: [UInt8]) {
        queue.removeAll { $0.owner == owner }
        kept.removeAll { $0.owner == owner }
        cancelRunning { $0.owner == owner }
    }
}
