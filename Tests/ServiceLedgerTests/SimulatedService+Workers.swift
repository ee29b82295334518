// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger

/// Workers that join, sample and leave, and a disk that is full for a while.
extension SimulatedService {
    /// Why no more may be offered.
    var problemOfOffer: String? {
        if !hasRoom { return "an image is offered without room for it" }
        let max = workers.count * (scenario.limits.lendAheadSeconds > 0 ? 2 : 1)
        return workers.offered.count > max
            ? "\(workers.offered.count) images are offered to \(workers.count) workers" : nil
    }

    /// Why workers have nothing to do; `nil` if they have, or nothing waits.
    var problemOfIdleness: String? {
        guard hasRoom, workers.offered.count < workers.count, let id = waiting.keys.first else {
            return nil
        }
        return """
            \(workers.count) workers have \(workers.offered.count) images while batch \(id) waits
            """
    }

    mutating func change(workers count: Int) {
        let images = workers.change(to: count)
        apply(.workers(count))
        for image in images {
            // In turns that are counted the coordinator keeps it until a worker comes.
            if count == 0, !scenario.isUniform, chance(2) {
                workers.withdraw(image)
                apply(.returned(image))
            } else {
                apply(.retried(image))
            }
        }
        start()
    }

    mutating func start() {
        while let (image, attempt) = workers.begin() {
            plan(.begin(image, life: life), at: now + 0.001)
            plan(
                .work(image, attempt: attempt, life: life),
                at: now + Double.random(in: 0.2...3, using: &random))
        }
    }

    mutating func worked(on image: ImageNumber, attempt: Int) {
        guard let isWanted = workers.end(image, attempt: attempt) else { return }
        defer { start() }
        guard isWanted else { return }
        if chance(20) {
            disk.set(.failed, of: image)
            apply(.failed(image))
        } else if !scenario.isUniform, chance(20) {
            // It goes ahead of others, which had their turns meanwhile.
            apply(.returned(image))
        } else {
            disk.set(.sampled, of: image)
            apply(.sampled(image, seconds: Double.random(in: 0.2...3, using: &random)))
            plan(
                .picture(image, life: life), at: now + Double.random(in: 0.01...0.5, using: &random)
            )
        }
    }
}
