// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import Logging
import Runs
package import ServiceAPI
import ServiceLedger
import Synchronization

/// The cluster, and what only those may do who run the service.
extension ImageService {
    package func cluster(for caller: ServedCaller) async throws(APIProblem) -> ClusterAnswer {
        let (workers, queue) = state.withLock { ($0.fleet.workers, $0.ledger.queue) }
        var answer = ClusterAnswer(
            version: ProgramVersion.text, workers: workers,
            queue: ClusterAnswer.Queue(
                batches: queue.liveCount, images: queue.openCount, callers: queue.callerCount,
                imageSeconds: queue.imageSeconds))
        if try await isOperator(caller) { answer.queue.byCaller = try await callers() }
        return answer
    }

    /// What callers wait for, by their names.
    private func callers() async throws(APIProblem) -> [ClusterAnswer.Caller] {
        let names = try await read { [store] () throws(ServiceStateError) in
            try store.keyNames()
        }
        return state.withLock(\.ledger.callers).map {
            // The key may have been revoked.
            ClusterAnswer.Caller(
                name: names[$0.caller] ?? $0.caller.text, batches: $0.liveCount,
                images: $0.openCount, waiting: $0.waitingCount)
        }
    }

    package func setAside(
        _ isSetAside: Bool, worker: String, by caller: ServedCaller
    ) async throws(APIProblem) -> ClusterAnswer.Worker {
        guard try await isOperator(caller) else { throw .notAdmin }
        let (found, names, usableCount) = state.withLock { state in
            let found = state.fleet.setAside(isSetAside, worker)
            // In the order of the decisions.
            if found != nil { coordinator.setAside(isSetAside, worker: worker) }
            return (found, state.fleet.workers.map(\.name), state.fleet.usableCount)
        }
        guard let found else { throw .unknownWorker(worker, of: names) }
        logger.notice(
            isSetAside ? "worker is to be drained" : "worker is to be resumed",
            metadata: ["worker.id": "\(worker)", "caller": "\(caller.visitor.caller)"])
        apply(.workers(usableCount))
        return found
    }

    /// Whether a caller runs the service: by its key or, as long as there are no keys, from this
    /// machine.
    private func isOperator(_ caller: ServedCaller) async throws(APIProblem) -> Bool {
        if caller.visitor.isAdmin { return true }
        guard caller.visitor.caller == Self.localCaller else { return false }
        return try await read { [store] () throws(ServiceStateError) in try !store.hasKeys }
    }
}
