// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// The lanes that draw one kind of image (guided or not), with scratch memory for one size.
package final class PlannedLanes {
    /// One per half where the threads divide evenly, else one for both.
    package let lanes: ComputeLanes
    /// Passes through the U-Net per step: 2 with classifier-free guidance.
    package let halves: Int
    /// What one pass through the U-Net amounts to, from the dry run.
    package private(set) var workPerPass = WorkCount()
    private var plannedShape: TensorShape?

    /// Starts the threads.
    ///
    /// - Throws: `ComputeLanesError`.
    package init(threadCount: Int, halves: Int) throws(ComputeLanesError) {
        let split = LaneSplit(threadCount: threadCount, halves: halves)
        lanes = try ComputeLanes(split: split, kernels: KernelTable.best())
        self.halves = halves
    }

    /// Makes sure that every lane has the memory for this size, by a dry run where it is new.
    ///
    /// - Parameters:
    ///   - sample: latents of one half, `[1, height, width, channels]`.
    ///   - text: hidden states of one prompt, `[1, tokens, channels]`.
    ///   - measureMore: takes the scratch memory of whatever else the lanes will run.
    /// - Throws: `TensorStorageError`.
    package func plan(
        for sample: TensorShape, text: TensorShape, unet: UNet2DConditionModel,
        measureMore: (ComputeLane) -> Void = { _ in }
    ) throws {
        guard plannedShape != sample else { return }
        plannedShape = nil
        for lane in lanes.lanes {
            // What the library prepares for a shape depends on the team it will run on.
            lane.team.adopt()
            lane.workspace.startMeasuring()
            measureMore(lane)
            let states = Tensor(storage: .unbacked, shape: text, elementType: .float32)
            let prepared = try unet.prepare(text: states, lane: lane)
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

    /// Runs the U-Net once per half: the halves side by side where there is a lane for each.
    ///
    /// - Parameters:
    ///   - sample: the same for all halves.
    ///   - texts: one per half.
    ///   - outputs: one per half.
    package func predict(
        _ unet: UNet2DConditionModel, sample: Tensor, timestep: Float, guidance: Tensor? = nil,
        texts: [PreparedText], outputs: [Tensor]
    ) {
        let laneCount = lanes.lanes.count
        lanes.run { lane, index in
            var half = index
            while half < halves {
                unet.forward(
                    sample, timestep: timestep, guidance: guidance, text: texts[half],
                    into: outputs[half], lane: lane)
                half += laneCount
            }
        }
    }
}
