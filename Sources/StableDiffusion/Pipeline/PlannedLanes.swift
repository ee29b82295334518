// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// The lanes that draw one kind of image (guided or not), with scratch memory for one size.
final class PlannedLanes {
    let lanes: ComputeLanes
    /// Passes through the U-Net per step: 2 with classifier-free guidance.
    let halves: Int
    /// What one pass through the U-Net amounts to, from the dry run.
    private(set) var workPerPass = WorkCount()
    private var plannedShape: TensorShape?

    init(_ lanes: ComputeLanes, halves: Int) {
        self.lanes = lanes
        self.halves = halves
    }

    /// Makes sure that every lane has the memory for this size, by a dry run where it is new.
    func plan(
        for sample: TensorShape, unet: UNet2DConditionModel, prompts: PromptEncoder
    ) throws {
        guard plannedShape != sample else { return }
        plannedShape = nil
        for lane in lanes.lanes {
            // What the library prepares for a shape depends on the team it will run on.
            lane.team.adopt()
            lane.workspace.startMeasuring()
            prompts.measure(lane: lane)
            let text = Tensor(storage: .unbacked, shape: prompts.shape, elementType: .float32)
            let prepared = try unet.prepare(text: text, lane: lane)
            lane.work = WorkCount()
            let input = Tensor(storage: .unbacked, shape: sample, elementType: .float32)
            let output = Tensor(
                storage: .unbacked,
                shape: sample.with(channels: unet.configuration.outputChannels),
                elementType: .float32)
            let guidance = unet.configuration.timeConditionProjectionDimension.map {
                Tensor(
                    storage: .unbacked, shape: TensorShape(tokens: 1, channels: $0),
                    elementType: .float32)
            }
            unet.forward(
                input, timestep: 0, guidance: guidance, text: prepared, into: output, lane: lane)
            workPerPass = lane.work
            try lane.workspace.allocate()
        }
        plannedShape = sample
    }
}
