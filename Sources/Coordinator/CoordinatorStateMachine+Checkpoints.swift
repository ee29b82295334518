// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Checkpoints: the newest of every open image, so that a lost worker costs a few steps.
extension CoordinatorStateMachine {
    mutating func saved(_ lease: Lease, _ checkpoint: SamplingCheckpoint, by worker: WorkerNumber) {
        if has(.keepUnfenced), let image = images.number(onWire: lease.item) {
            images[image].checkpoint = KeptCheckpoint(checkpoint: checkpoint, makers: [])
        }
        guard let held = workers[worker].held(lease),
            images[held.image].isOpen, !held.isCheck, !held.isProbe,
            checkpoint.kernelClass == workers[worker].node?.kernelClass,
            checkpoint.step <= held.step,
            checkpoint.step > images[held.image].checkpoint?.checkpoint.step ?? 0
        else { return }
        var image = held.image
        if has(.keepForNeighbour) {
            image = ImageNumber(image.rawValue ^ 1)
            guard images.contains(image) else { return }
        }
        images[image].checkpoint = KeptCheckpoint(
            checkpoint: checkpoint, makers: held.makers.union([worker]))
        actions.append(.keep(image: held.image, checkpoint))
    }

    /// How a worker is to generate an image.
    func preparation(of image: ImageNumber, for worker: WorkerNumber) -> Preparation {
        guard let node = workers[worker].node, node.knowsCheckpoints else { return Preparation() }
        var preparation = Preparation(wantsPicture: takesPictures(of: worker))
        guard !workers[worker].isOnProbation else { return preparation }
        preparation.checkpointInterval = configuration.checkpoints.interval(
            stepSeconds: workers[worker].pace.mean.map { $0 * images[image].stepWork })
        preparation.checkpoint = usableCheckpoint(of: image, for: worker)?.checkpoint
        return preparation
    }

    /// The checkpoint from which a worker may resume: only its own kernels get to the same bytes.
    ///
    /// A worker on probation has to show that it can sample the whole image.
    func usableCheckpoint(of image: ImageNumber, for worker: WorkerNumber) -> KeptCheckpoint? {
        guard let kept = images[image].checkpoint, let node = workers[worker].node,
            node.knowsCheckpoints, !workers[worker].isOnProbation,
            kept.checkpoint.kernelClass == node.kernelClass || has(.resumeAcrossClasses)
        else { return nil }
        return kept
    }

    /// Steps that a worker would have to do for an image.
    func stepsToDo(_ image: ImageNumber, by worker: WorkerNumber) -> Int {
        let done = usableCheckpoint(of: image, for: worker)?.checkpoint.step ?? 0
        return max(1, images[image].request.modelCallCount - done)
    }

    /// Notes from the first step that a worker reports whether it resumed from its checkpoint.
    mutating func noteStep(_ step: Int, of held: HeldLease, by worker: WorkerNumber) {
        guard held.offeredStep > 0, held.step < held.offeredStep, step > 0 else { return }
        if step < held.offeredStep {
            // It could not, and restarted.
            workers[worker].update(held.lease) {
                $0.offeredStep = 0
                $0.makers = []
            }
        } else if held.isLive {
            actions.append(
                .report(
                    .resumed(
                        image: held.image, worker: workers[worker].name,
                        step: held.offeredStep)))
        }
    }

    /// An attempt failed: a checkpoint that led to no step may be at fault.
    mutating func distrustCheckpoint(of held: HeldLease) {
        guard held.offeredStep > 0, held.step <= held.offeredStep,
            images[held.image].checkpoint?.checkpoint.step == held.offeredStep
        else { return }
        images[held.image].checkpoint = nil
    }

    /// A worker computes wrong: nobody resumes from what it sampled.
    mutating func dropCheckpoints(madeBy worker: WorkerNumber) {
        for image in images.numbers(where: { $0.checkpoint?.makers.contains(worker) == true }) {
            images[image].checkpoint = nil
        }
        for other in workers.numbers where other != worker {
            for held in workers[other].leases where held.makers.contains(worker) && held.isLive {
                recall(held.lease, of: other, .moved)
            }
        }
    }
}
