// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import ServiceAPI

/// The workers of a service, as they report themselves.
struct FleetStatus: Sendable {
    private var known: [ClusterAnswer.Worker]
    /// Until it has answered or failed to, a worker counts: what it kept of an earlier session of the
    /// service is taken only for images that are offered again.
    private var absent: Set<String> = []
    /// Those that an administrator drained, and whether they have nothing any more.
    private var drains: [String: Bool] = [:]

    init(_ names: [String]) { known = names.map(ClusterAnswer.Worker.init) }

    /// All workers, as they are shown.
    var workers: [ClusterAnswer.Worker] { known.map(shown) }

    /// Images that workers which take some, or may, sample at the same time.
    var usableCount: Int {
        known.reduce(0) { count, worker in
            let isUsable = !absent.contains(worker.name) && drains[worker.name] == nil
            return count + (isUsable ? worker.pictures ?? 1 : 0)
        }
    }

    /// How many workers are in a state.
    func count(_ state: String) -> Int { workers.count { $0.state == state } }

    private func shown(_ worker: ClusterAnswer.Worker) -> ClusterAnswer.Worker {
        guard let isDone = drains[worker.name] else { return worker }
        var worker = worker
        worker.isSetAside = true
        if Self.present.contains(worker.state) { worker.state = isDone ? "drained" : "draining" }
        return worker
    }

    /// States of workers that are connected and take images, if they are not drained.
    ///
    /// One in quarantine takes them: it is probed with the next one, also where that is the first
    /// request that somebody waits for.
    private static let present = ["ready", "quarantined"]

    /// Why no worker takes images.
    var reason: String? {
        let isAnyThere = known.contains {
            Self.present.contains($0.state) && drains[$0.name] == nil
        }
        guard !isAnyThere else { return nil }
        if !known.isEmpty, known.allSatisfy({ drains[$0.name] != nil }) {
            return known.count == 1
                ? "the worker is drained; an administrator can resume it"
                : "all workers are drained; an administrator can resume them"
        }
        let reasons = known.compactMap { worker in
            let reason = drains[worker.name] == nil ? worker.reason : "it is drained"
            return reason.map { "\(worker.name): \($0)" }
        }
        return reasons.isEmpty
            ? "no worker has answered yet"
            : "no worker is there: \(reasons.joined(separator: "; "))"
    }

    /// Drains a worker, or resumes it.
    ///
    /// - Returns: the worker; `nil` if there is none of this name.
    mutating func setAside(_ isSetAside: Bool, _ name: String) -> ClusterAnswer.Worker? {
        guard let worker = known.first(where: { $0.name == name }) else { return nil }
        drains[name] = isSetAside ? drains[name] ?? false : nil
        return shown(worker)
    }

    /// Applies an event.
    ///
    /// - Returns: whether the number of images at a time may have changed.
    mutating func note(_ event: CoordinatorEvent) -> Bool {
        switch event {
        case .workerJoined(let name, let description):
            update(name, "ready") {
                $0.kernelClass = description.kernelClass
                $0.coreCount = description.coreCount
                $0.pictures = description.pictureCount
            }
            absent.remove(name)
        case .workerReturned(let name):
            update(name, "ready")
            absent.remove(name)
        case .workerBusy(let name, let reason): leave(name, "busy", reason)
        case .workerLost(let name, let reason, willRetry: _): leave(name, "lost", reason)
        case .workerRefused(let name, let reason): leave(name, "refused", reason)
        case .workerQuarantined(let name, let reason, seconds: _):
            // It counts: what ends its quarantine is an image that it is probed with.
            update(name, "quarantined") { $0.reason = reason }
        case .workerDraining(let name), .workerDrained(let name):
            // It may have been resumed meanwhile.
            if drains[name] != nil { drains[name] = event == .workerDrained(worker: name) }
            return false
        case .completed(let result):
            if let index = known.firstIndex(where: { $0.name == result.worker }) {
                known[index].images += 1
            }
            return false
        default: return false
        }
        return true
    }

    private mutating func leave(_ name: String, _ state: String, _ reason: String) {
        update(name, state) { $0.reason = reason }
        absent.insert(name)
        if drains[name] != nil { drains[name] = false }
    }

    private mutating func update(
        _ name: String, _ state: String, _ change: (inout ClusterAnswer.Worker) -> Void = { _ in }
    ) {
        let place = known.firstIndex { $0.name == name }
        if place == nil { known.append(ClusterAnswer.Worker(name: name)) }
        let index = place ?? known.count - 1
        known[index].state = state
        known[index].reason = nil
        change(&known[index])
    }
}
