// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import TensorKit
import TokenMerging

/// The lanes that sample one kind of image (guided or not), with scratch memory for one size.
package final class PlannedLanes {
    /// One per half if the threads divide evenly, otherwise one for both.
    package let lanes: ComputeLanes
    /// Samples per call of the U-Net: 2 with classifier-free guidance.
    package let halves: Int
    /// The operations of one call on all halves, from the dry run.
    package private(set) var workPerCall = WorkCount()
    private var planned: PlanKey?
    private var call: UNetCall?
    /// Each lane's part of a call; created once, because creating a closure allocates.
    private var runLane: (ComputeLane, Int) -> Void = { _, _ in }

    /// One call of the U-Net on all halves.
    private struct UNetCall {
        let unet: UNet2DConditionModel
        let sample: Tensor
        let timestep: Float
        let conditioning: [UNetConditioning]
        let merging: TokenMergeRun?
        let outputs: [Tensor]
    }

    /// What determines the size of the scratch memory.
    private struct PlanKey: Equatable {
        var sample: TensorShape
        var merging: TokenMergeConfiguration?
    }

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - instructionSet: the kernels they use.
    ///   - cores: shared with the lanes of other pictures; `nil` for no limit.
    /// - Throws: `ComputeLanesError`.
    package init(
        threadCount: Int, halves: Int, instructionSet: InstructionSet, cores: ComputeCores? = nil
    ) throws(ComputeLanesError) {
        let split = LaneSplit(threadCount: threadCount, halves: halves)
        lanes = try ComputeLanes(
            split: split, kernels: KernelTable.of(instructionSet), cores: cores)
        self.halves = halves
        runLane = { [unowned self] lane, index in self.run(lane: lane, index: index) }
    }

    /// How the halves are distributed over the lanes.
    package func passes(merging: TokenMergeRun?) -> PassSplit {
        PassSplit(
            halves: halves, laneCount: lanes.lanes.count,
            isCoupled: merging?.sharesPlans ?? false)
    }

    /// Forgets the size and releases its memory.
    package func forgetPlan() {
        planned = nil
        for lane in lanes.lanes { lane.workspace.startMeasuring() }
    }

    /// Ensures that every lane has the memory for this size, with dry runs if it is new.
    ///
    /// - Parameters:
    ///   - sample: latents of one half, `[1, height, width, channels]`.
    ///   - text: hidden states of one prompt, `[1, tokens, channels]`.
    ///   - merging: what merges tokens.
    ///   - byteCountMax: limit of the scratch memory of all lanes together; `nil` for what the
    ///     machine has left.
    ///   - makeRoom: called before the dry runs, to release memory held elsewhere.
    ///   - measureMore: measures the scratch memory of everything else the lanes will run.
    /// - Throws: `TensorStorageError`, `PreparationError`, `TokenMergeConfigurationError`.
    package func plan(
        for sample: TensorShape, text: TensorShape, unet: UNet2DConditionModel,
        merging: TokenMergeRun? = nil, byteCountMax: Int? = nil, makeRoom: () -> Void = {},
        measureMore: (ComputeLane) throws -> Void = { _ in }
    ) throws {
        let key = PlanKey(sample: sample, merging: merging?.merger.configuration)
        guard planned != key else { return }
        forgetPlan()
        makeRoom()
        let passes = passes(merging: merging)
        for lane in lanes.lanes {
            try lane.measure {
                try measureMore(lane)
                try measure(
                    sample, text: text, unet: unet, batch: passes.halvesPerPass,
                    merging: merging?.pass(firstHalf: 0, meeting: nil), lane: lane)
                workPerCall = lane.work * passes.passCount
            }
        }
        try lanes.finishDryRuns(byteCountMax: byteCountMax)
        // The next to plan must not count on memory that these lanes will touch only later.
        if lanes.haveNeighbours { for lane in lanes.lanes { lane.workspace.populate() } }
        planned = key
    }

    /// Scratch memory of all lanes for a size, in bytes; prepares nothing and allocates none of it.
    func measuredByteCount(
        for sample: TensorShape, text: TensorShape, unet: UNet2DConditionModel
    ) throws -> Int {
        let passes = passes(merging: nil)
        defer { forgetPlan() }
        return try lanes.lanes.reduce(0) { sum, lane in
            try lane.measure {
                try measure(
                    sample, text: text, unet: unet, batch: passes.halvesPerPass, merging: nil,
                    lane: lane)
            }
            return sum + lane.workspace.peakByteCount
        }
    }

    /// A dry run of one pass.
    private func measure(
        _ sample: TensorShape, text: TensorShape, unet: UNet2DConditionModel, batch: Int,
        merging: TokenMergePass?, lane: ComputeLane
    ) throws {
        func tensor(_ shape: TensorShape, batch: Int = 1) -> Tensor {
            var shape = shape
            shape.batch = batch
            return Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        }
        let conditioning = try unet.prepare(
            text: tensor(text, batch: batch),
            guidance: unet.configuration.timeConditionProjectionDimension.map {
                tensor(TensorShape(tokens: 1, channels: $0))
            }, lane: lane)
        // Work done once per prompt is not part of a call.
        lane.work = WorkCount()
        unet.forward(
            tensor(sample, batch: batch), timestep: 0, conditioning: conditioning,
            merging: merging,
            into: tensor(sample.with(channels: unet.configuration.outputChannels), batch: batch),
            lane: lane)
    }

    /// Makes one call: all passes, in parallel if there is a lane for each.
    ///
    /// - Parameters:
    ///   - sample: the same for all passes, once for each half of a pass.
    ///   - conditioning: one per pass.
    ///   - merging: what merges tokens; the call has begun.
    ///   - outputs: one per pass.
    package func predict(
        _ unet: UNet2DConditionModel, sample: Tensor, timestep: Float,
        conditioning: [UNetConditioning], merging: TokenMergeRun? = nil, outputs: [Tensor]
    ) {
        call = UNetCall(
            unet: unet, sample: sample, timestep: timestep, conditioning: conditioning,
            merging: merging, outputs: outputs)
        lanes.run(runLane)
        call = nil
    }

    /// One lane's part of the current call.
    private func run(lane: ComputeLane, index: Int) {
        guard let call else { return }
        let laneCount = lanes.lanes.count
        let passes = passes(merging: call.merging)
        let meeting = laneCount > 1 ? lanes : nil
        var pass = index
        while pass < passes.passCount {
            call.unet.forward(
                call.sample, timestep: call.timestep, conditioning: call.conditioning[pass],
                merging: call.merging?.pass(
                    firstHalf: pass * passes.halvesPerPass, meeting: meeting),
                into: call.outputs[pass], lane: lane)
            pass += laneCount
        }
    }
}
