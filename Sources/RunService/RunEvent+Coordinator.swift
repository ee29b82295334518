// SPDX-License-Identifier: Apache-2.0

package import Coordinator
import GenerationTypes
package import Runs

extension RunEvent {
    /// What people see of an event of the cluster.
    package static func events(for event: CoordinatorEvent) -> [RunEvent] {
        switch event {
        case .workerJoined(let worker, let description):
            [
                .workerConnected(
                    worker: worker, kernelClass: description.kernelClass,
                    pictures: description.pictureCount)
            ]
        case .workerRefused(let worker, let reason):
            [.workerLost(worker: worker, reason: reason)]
        case .workerBusy(let worker, let reason): [.warning("\(worker) is busy: \(reason)")]
        case .workerLost(let worker, let reason, let willRetry):
            [.workerLost(worker: worker, reason: willRetry ? "\(reason); trying again" : reason)]
        case .workerQuarantined(let worker, let reason, let seconds):
            [
                .warning(
                    """
                    \(worker) failed too often; quarantined for \(Int(seconds.rounded(.up))) s: \
                    \(reason)
                    """)
            ]
        case .workerReturned(let worker): [.warning("\(worker) works again")]
        case .workerDraining(let worker): [.warning("\(worker) is being drained")]
        case .workerDrained(let worker): [.warning("\(worker) is drained")]
        case .workerResumed(let worker): [.warning("\(worker) gets images again")]
        case .assigned(let image, let worker, let attempt):
            [.imageStarted(image: image, worker: worker, attempt: attempt)]
        case .progress(let image, let worker, let step, let stepCount, _, _):
            step == 0
                ? []
                : [.imageProgress(image: image, worker: worker, step: step, stepCount: stepCount)]
        case .previewed: []
        case .resumed(let image, let worker, let step):
            [.imageResumed(image: image, worker: worker, step: step)]
        case .imageOverdue(let image, let worker, let seconds):
            [
                .warning(
                    """
                    \(worker) took image \(image) but did not start it within \
                    \(Int(seconds)) s; it is also sampled elsewhere
                    """)
            ]
        case .notUnderstood(let image, let worker, let reason):
            [.warning("\(worker) cannot generate image \(image); others may: \(reason)")]
        case .retried(let image, let failure):
            [.imageRetried(image: image, worker: failure.worker, reason: failure.reason)]
        case .completed(let result):
            [.imageSampled(image: result.image, worker: result.worker)]
        case .failed(let image, let failures):
            [
                .imageFailed(
                    image: image, reason: failures.map(\.sentence).joined(separator: "; "))
            ]
        case .cancelled(let image): [.imageFailed(image: image, reason: "it was cancelled")]
        case .resultsDiffer(let image, let worker, let firstWorker):
            [
                .warning(
                    """
                    image \(image): \(worker) and \(firstWorker) computed different latents; the \
                    first result was kept, and one of the two machines is faulty
                    """)
            ]
        }
    }
}
