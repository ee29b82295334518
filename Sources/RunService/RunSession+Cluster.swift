// SPDX-License-Identifier: Apache-2.0

package import Coordinator
import GenerationTypes
package import Runs

/// A session of a run on a cluster.
extension RunSession {
    /// What the coordinator has to know of earlier sessions.
    ///
    /// - Throws: `RunError`.
    package var resumed: ResumedRun {
        get throws {
            let failed = history.images.filter(history.hasFailed)
            return ResumedRun(
                completed: history.results.mapValues(\.facts.sha256),
                failed: Dictionary(
                    uniqueKeysWithValues: failed.map { ($0, history.failures[$0] ?? []) }),
                session: number, leaseKey: history.run.leaseKey, instance: history.run.instance,
                checkpoints: try store.checkpoints())
        }
    }

    /// Keeps what the report says of workers.
    package func note(_ event: CoordinatorEvent) {
        switch event {
        case .workerJoined(let worker, let description):
            workerJoined(worker, kernelClass: description.kernelClass)
        case .workerLost(let worker, let reason, willRetry: _),
            .workerRefused(let worker, let reason):
            workerLost(worker, reason: reason)
        default: break
        }
    }
}
