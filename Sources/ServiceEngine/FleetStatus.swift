// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import ServiceAPI

/// The workers of a service, as they report themselves.
struct FleetStatus: Sendable {
    private(set) var workers: [ClusterAnswer.Worker]
    /// Until it has answered or failed to, a worker counts: what it kept of an earlier session of the
    /// service is taken only for images that are offered again.
    private var absent: Set<String> = []

    init(_ names: [String]) { workers = names.map(ClusterAnswer.Worker.init) }

    /// Images that workers which take some, or may, sample at the same time.
    var usableCount: Int {
        workers.reduce(0) { $0 + (absent.contains($1.name) ? 0 : $1.pictures ?? 1) }
    }

    /// Workers that are connected and take images.
    var readyCount: Int { workers.count { $0.state == "ready" } }

    /// Why no worker takes images.
    ///
    /// One in quarantine takes them: it is probed with the next one, also where that is the first
    /// request that somebody waits for.
    var reason: String? {
        guard readyCount == 0, !workers.contains(where: { $0.state == "quarantined" }) else {
            return nil
        }
        let reasons = workers.compactMap { worker in
            worker.reason.map { "\(worker.name): \($0)" }
        }
        return reasons.isEmpty
            ? "no worker has answered yet"
            : "no worker is there: \(reasons.joined(separator: "; "))"
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
        case .completed(let result):
            if let index = workers.firstIndex(where: { $0.name == result.worker }) {
                workers[index].images += 1
            }
            return false
        default: return false
        }
        return true
    }

    private mutating func leave(_ name: String, _ state: String, _ reason: String) {
        update(name, state) { $0.reason = reason }
        absent.insert(name)
    }

    private mutating func update(
        _ name: String, _ state: String, _ change: (inout ClusterAnswer.Worker) -> Void = { _ in }
    ) {
        let known = workers.firstIndex { $0.name == name }
        if known == nil { workers.append(ClusterAnswer.Worker(name: name)) }
        let index = known ?? workers.count - 1
        workers[index].state = state
        workers[index].reason = nil
        change(&workers[index])
    }
}
