// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// Checkpoints: the newest of every image without an outcome, so that a lost worker costs a few steps.
extension CoordinatorStateMachine {
    mutating func saved(_ lease: Lease, _ checkpoint: SamplingCheckpoint, by index: Int) {
        if has(.keepUnfenced) {
            checkpoints[Int(lease.item)] = KeptCheckpoint(checkpoint: checkpoint, makers: [])
        }
        guard let held = workers[index].leases.first(where: { $0.lease == lease }),
            items[held.item].isUnsettled, !held.isCheck, !held.isProbe,
            checkpoint.kernelClass == workers[index].node?.kernelClass,
            checkpoint.step <= held.step,
            checkpoint.step > checkpoints[held.item]?.checkpoint.step ?? 0
        else { return }
        let item = has(.keepForNeighbour) ? held.item ^ 1 : held.item
        checkpoints[item] = KeptCheckpoint(
            checkpoint: checkpoint, makers: held.makers.union([index]))
        actions.append(.keep(item: held.item, checkpoint))
    }

    /// How a worker is to draw an image.
    func preparation(of item: Int, for index: Int) -> Preparation {
        guard let node = workers[index].node, node.knowsCheckpoints else { return Preparation() }
        var preparation = Preparation(wantsPicture: configuration.wantsPictures)
        guard !workers[index].isOnProbation else { return preparation }
        preparation.checkpointInterval = configuration.checkpoints.interval(
            stepSeconds: workers[index].pace.mean.map { $0 * stepWork[item] })
        preparation.checkpoint = usableCheckpoint(of: item, for: index)?.checkpoint
        return preparation
    }

    /// Where a worker may go on with an image: only its own kernels get to the same bytes.
    ///
    /// A worker on probation has to show what it makes of the whole image.
    func usableCheckpoint(of item: Int, for index: Int) -> KeptCheckpoint? {
        guard let kept = checkpoints[item], let node = workers[index].node,
            node.knowsCheckpoints, !workers[index].isOnProbation,
            kept.checkpoint.kernelClass == node.kernelClass || has(.resumeAcrossClasses)
        else { return nil }
        return kept
    }

    /// Steps a worker would have to do for an image.
    func stepsToDo(_ item: Int, by index: Int) -> Int {
        let done = usableCheckpoint(of: item, for: index)?.checkpoint.step ?? 0
        return max(1, requests[item].inferenceStepCount - done)
    }

    /// Looks whether a worker went on from its checkpoint, now that it says how far it is.
    mutating func noteStep(_ step: Int, ofLease position: Int, by index: Int) {
        let held = workers[index].leases[position]
        guard held.offeredStep > 0, held.step < held.offeredStep, step > 0 else { return }
        if step < held.offeredStep {
            // It could not, and began anew.
            workers[index].leases[position].offeredStep = 0
            workers[index].leases[position].makers = []
        } else if held.isLive {
            actions.append(
                .report(
                    .resumed(item: held.item, worker: workers[index].name, step: held.offeredStep)))
        }
    }

    /// An attempt failed: a checkpoint that led to no step may be at fault.
    mutating func distrustCheckpoint(of held: HeldLease) {
        guard held.offeredStep > 0, held.step <= held.offeredStep,
            checkpoints[held.item]?.checkpoint.step == held.offeredStep
        else { return }
        checkpoints[held.item] = nil
    }

    /// A worker computes wrong: nobody goes on with what it began.
    mutating func dropCheckpoints(madeBy index: Int) {
        for (item, kept) in checkpoints where kept.makers.contains(index) {
            checkpoints[item] = nil
        }
        for other in workers.indices where other != index {
            for position in workers[other].leases.indices
            where workers[other].leases[position].makers.contains(index)
                && workers[other].leases[position].isLive
            {
                recall(position, of: other, .moved)
            }
        }
    }
}

/// The newest checkpoint of an image.
struct KeptCheckpoint {
    var checkpoint: SamplingCheckpoint
    /// Workers of this run whose steps are in it.
    var makers: Set<Int>
}
