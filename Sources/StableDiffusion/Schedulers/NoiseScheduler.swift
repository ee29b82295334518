// SPDX-License-Identifier: Apache-2.0

/// The mathematics of one image's reverse diffusion; the pipeline owns the loop.
///
/// ```
/// var latents = noise.initialLatents(…, scale: scheduler.initialNoiseSigma)
/// for (index, timestep) in scheduler.timesteps.enumerated() {
///     scheduler.scaleModelInput(latents, into: input, at: index)
///     … run the U-Net on `input` at `timestep` into `output` …
///     scheduler.step(modelOutput: output, at: index, sample: latents, noise: &noise.sampling)
/// }
/// ```
///
/// Samples are flat single-precision buffers of `history.sampleCount` values in channel-major
/// (NCHW) order, the order in which diffusers generates noise. A scheduler is a value and serves
/// one image; a step allocates nothing.
package protocol NoiseScheduler: Sendable {
    /// The timestep of each network call: PNDM makes one call more than it has steps, Heun two per
    /// step except the last.
    var timesteps: [Float] { get }

    /// The standard deviation of the initial latents; normal noise is multiplied by it.
    var initialNoiseSigma: Float { get }

    /// State left by earlier steps; besides the sample, all that changes from step to step.
    var history: SchedulerHistory { get set }

    /// Writes the network's input for a step: the sample, scaled down in σ-space.
    ///
    /// Both buffers may be the same memory.
    func scaleModelInput(
        _ sample: UnsafeBufferPointer<Float>, into input: UnsafeMutableBufferPointer<Float>,
        at stepIndex: Int)

    /// Replaces the sample by the one of the next step.
    ///
    /// Steps come in order: `stepIndex` is `history.stepIndex`. Samplers that add noise take it
    /// from `noise`, once per step, as diffusers does from its generator.
    mutating func step<Source: RandomSource>(
        modelOutput: UnsafeBufferPointer<Float>, at stepIndex: Int,
        sample: UnsafeMutableBufferPointer<Float>, noise: inout Source)
}

extension NoiseScheduler {
    /// Most schedulers feed the unchanged sample to the network.
    package func scaleModelInput(
        _ sample: UnsafeBufferPointer<Float>, into input: UnsafeMutableBufferPointer<Float>,
        at stepIndex: Int
    ) {
        precondition(sample.count == input.count)
        for index in sample.indices { input[index] = sample[index] }
    }
}

/// A scheduler whose network input is the sample divided by √(σ² + 1).
///
/// c_in of Karras and others, 2022.
protocol SigmaSpaceScheduler: NoiseScheduler {
    /// The noise levels; entry `stepIndex` is the sample's at that step.
    var sigmas: [Float] { get }
}

extension SigmaSpaceScheduler {
    package func scaleModelInput(
        _ sample: UnsafeBufferPointer<Float>, into input: UnsafeMutableBufferPointer<Float>,
        at stepIndex: Int
    ) {
        precondition(sample.count == input.count)
        let sigma = sigmas[stepIndex]
        let divisor = (sigma * sigma + 1).squareRoot()
        for index in sample.indices { input[index] = sample[index] / divisor }
    }
}
