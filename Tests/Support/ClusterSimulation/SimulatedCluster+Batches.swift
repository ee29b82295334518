// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes

/// Clients: they submit batches, cancel some of them, and let the cluster go in the end.
extension SimulatedCluster {
    /// Submits all images without an outcome, or plans when batches are submitted, and lets the
    /// coordinator connect.
    mutating func beginSession(_ resumed: ResumedRun) {
        if scenario.batches.isEmpty {
            numbering = BatchNumbering(plantedBug: scenario.bug?.coordinator)
            let batch = numbering.makeBatch(scenario.requests, resumed: resumed)
            feedCoordinator(.submit(batch))
        }
        for (index, batch) in scenario.batches.enumerated() {
            timeline.schedule(.submit(index), in: batch.submitTime)
        }
        feedCoordinator(.start)
    }

    mutating func submit(_ index: Int) {
        let plan = scenario.batches[index]
        let batch = numbering.makeBatch(Array(scenario.requests[plan.requests]))
        guard batch.images.map(\.number) == plan.requests.map(ImageNumber.init) else {
            return note("the images of batch \(index) have numbers of others")
        }
        observed.batches[batch.id] = plan.requests
        feedCoordinator(.submit(batch))
        if let time = plan.cancelTime {
            timeline.schedule(.cancelBatch(batch.id), at: time)
        }
        if index == scenario.batches.count - 1 {
            timeline.schedule(.drain, in: random.seconds(0...30))
        }
    }

    /// An image of a cancelled batch has its outcome at once.
    mutating func cancel(_ batch: ImageBatch.ID) {
        feedCoordinator(.cancelBatch(batch))
        for item in observed.batches[batch] ?? 0..<0 where observed.outcomes[item] == nil {
            note("image \(item) is neither cancelled nor settled")
        }
    }
}
