// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Previews: asked for where somebody watches, and passed on while they may still come true.
extension CoordinatorStateMachine {
    mutating func watch(_ image: ImageNumber, every interval: Duration?) {
        guard images.contains(image), images[image].awaitsResult,
            images[image].previewInterval != interval
        else { return }
        images[image].previewInterval = interval
        for worker in workers.numbers {
            for held in workers[worker].leases where held.image == image && held.isLive {
                watch(held.lease, of: image, by: worker)
            }
        }
    }

    /// Says to a worker how often an image that it was given is looked at.
    mutating func watch(_ lease: Lease, of image: ImageNumber, by worker: WorkerNumber) {
        guard let id = workers[worker].connection, workers[worker].node?.knowsPreviews == true
        else { return }
        let milliseconds = images[image].previewInterval.map { Int($0.seconds * 1000) } ?? 0
        let most = WireLimits.watchIntervalMillisecondsMax
        actions.append(.send(id, .watch(lease, intervalMilliseconds: min(milliseconds, most))))
    }

    /// A preview came; one that nobody wants any more was on its way.
    mutating func previewed(
        _ lease: Lease, _ preview: LatentPreview, by worker: WorkerNumber, on id: ConnectionID,
        now: Duration
    ) {
        if has(.previewForNobody), let image = images.number(onWire: lease.item) {
            actions.append(.report(.previewed(image: image, preview)))
            return
        }
        guard let held = workers[worker].held(lease), held.isLive, !held.isCheck,
            images[held.image].status == .leased, images[held.image].previewInterval != nil
        else { return }
        let request = images[held.image].request
        if let reason = configuration.latents.shapeProblem(of: preview, for: request) {
            breached(worker, on: id, .malformedFrame, "\(lease): preview: \(reason)", now: now)
            return
        }
        actions.append(.report(.previewed(image: held.image, preview)))
    }
}
