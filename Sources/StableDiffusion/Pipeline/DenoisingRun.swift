// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
internal import TensorKit

/// One image on its way from noise to latents; the caller pulls the steps.
///
/// The loop of diffusers' `StableDiffusionPipeline.__call__`, without callbacks: progress,
/// cancellation and checkpoints are the caller's, between two calls of `next`.
package final class DenoisingRun {
    /// Seconds that encoding the prompts took; 0 when they were remembered.
    package let textEncodingSeconds: Double
    private let request: GenerationRequest
    private let unet: UNet2DConditionModel
    private let lanes: PlannedLanes
    private let texts: [PreparedText]
    private let guidance: Tensor?
    private let merging: TokenMergeRun?
    private let buffers: DenoisingBuffers
    private var scheduler: any NoiseScheduler
    private var noise: ImageNoise
    private var callIndex = 0

    init(
        _ request: GenerationRequest, pipeline: StableDiffusionPipeline, lanes: PlannedLanes,
        grid: TensorShape, scheduler: any NoiseScheduler, merging: TokenMergeRun?
    ) throws {
        self.request = request
        self.lanes = lanes
        self.scheduler = scheduler
        self.merging = merging
        unet = pipeline.unet
        let clock = ContinuousClock()
        let start = clock.now
        let prompts = pipeline.prompts
        // Unconditional first, as in diffusers.
        let sources =
            lanes.halves == 2 ? [request.negativePrompt, request.prompt] : [request.prompt]
        let wasCached = sources.allSatisfy {
            prompts.isCached($0, clipSkip: request.clipSkip)
        }
        let first = lanes.lanes.lanes[0]
        // Another lane may have computed on this thread last, with another team.
        first.team.adopt()
        let states = try prompts.encode(sources, clipSkip: request.clipSkip, lane: first)
        let passes = lanes.passes(merging: merging)
        texts =
            passes.passCount == states.count
            ? try states.map { try pipeline.unet.prepare(text: $0, lane: first) }
            : [try pipeline.unet.prepare(text: joined(states, lane: first), lane: first)]
        textEncodingSeconds = wasCached ? 0 : (clock.now - start).seconds
        buffers = try DenoisingBuffers(grid: grid, passes: passes)
        guidance = try pipeline.unet.configuration.timeConditionProjectionDimension.map {
            try Self.guidance(request.guidanceScale, channels: $0)
        }
        noise = ImageNoise(seed: request.seed)
        let initial = noise.initialLatents(
            channels: buffers.grid.channels, height: buffers.grid.height,
            width: buffers.grid.width, scale: scheduler.initialNoiseSigma)
        _ = buffers.latents.update(from: initial)
    }

    /// The guidance scale as an input, `[1, 1, 1, channels]`, f32.
    private static func guidance(_ scale: Float, channels: Int) throws -> Tensor {
        let tensor = try Tensor(allocating: TensorShape(tokens: 1, channels: channels))
        for (index, value) in guidanceScaleEmbedding(scale - 1, dimension: channels).enumerated() {
            tensor.floats[index] = value
        }
        return tensor
    }

    /// U-Net calls in all; some samplers make more than one per step.
    package var callCount: Int { scheduler.timesteps.count }

    /// What the U-Net is told in each call.
    package var timesteps: [Float] { scheduler.timesteps }

    /// Makes one U-Net call on every half and moves the latents on.
    ///
    /// - Returns: calls made so far, or `nil` when all were made before.
    /// - Throws: `NonFiniteLatentsError`.
    package func next() throws -> Int? {
        guard callIndex < callCount else { return nil }
        scheduler.scaleModelInput(
            UnsafeBufferPointer(buffers.latents), into: buffers.scaled, at: callIndex)
        buffers.fillSample()
        merging?.begin(callIndex: callIndex)
        lanes.predict(
            unet, sample: buffers.sample, timestep: scheduler.timesteps[callIndex],
            guidance: guidance, texts: texts, merging: merging, outputs: buffers.outputs)
        if buffers.halves.count == 2 {
            merging?.end(uncond: buffers.halves[0], text: buffers.halves[1])
        }
        buffers.combine(guidanceScale: request.guidanceScale)
        scheduler.step(
            modelOutput: UnsafeBufferPointer(buffers.prediction), at: callIndex,
            sample: buffers.latents, noise: &noise.sampling)
        callIndex += 1
        guard buffers.isFinite else { throw NonFiniteLatentsError(callIndex: callIndex) }
        return callIndex
    }

    /// What merging tokens came to so far.
    package var mergeStatistics: TokenMergeStatistics {
        merging?.statistics ?? TokenMergeStatistics()
    }

    /// The latents after the calls made so far.
    package var latents: GeneratedLatents {
        GeneratedLatents(
            channels: buffers.grid.channels, height: buffers.grid.height,
            width: buffers.grid.width, values: Array(buffers.latents))
    }
}

/// Latents that stopped being numbers.
package struct NonFiniteLatentsError: Error, Equatable, CustomStringConvertible {
    /// The U-Net call after which it was seen, from 1.
    package let callIndex: Int

    package var description: String {
        """
        the latents are no longer finite after step \(callIndex); the weights may be damaged, or \
        bf16 too coarse for this model: try --precision f32
        """
    }
}

/// Hidden states of several prompts as one batch.
private func joined(_ states: [Tensor], lane: ComputeLane) throws -> Tensor {
    var shape = states[0].shape
    shape.batch = states.count
    let batch = try Tensor(allocating: shape)
    for (index, state) in states.enumerated() {
        lane.copy(state, into: batch.batch(index..<index + 1))
    }
    return batch
}
