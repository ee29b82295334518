// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import TensorKit

/// One image on its way from noise to latents; the caller drives the steps.
///
/// The loop of diffusers' `StableDiffusionPipeline.__call__`, without callbacks: progress,
/// cancellation and checkpoints are up to the caller, between two calls of `next`.
package final class DenoisingRun {
    /// Seconds spent encoding the prompts; 0 if they were cached.
    package let textEncodingSeconds: Double
    /// U-Net calls made by another run, from whose checkpoint this one resumed.
    package private(set) var resumedCallIndex = 0
    private let request: GenerationRequest
    private let guidance: ClassifierFreeGuidance
    private let unet: UNet2DConditionModel
    private let lanes: PlannedLanes
    /// One per pass.
    private let conditioning: [UNetConditioning]
    private let merging: TokenMergeRun?
    private let buffers: DenoisingBuffers
    private var scheduler: any NoiseScheduler
    private var noise: ImageNoise
    /// The generator after the initial latents: most samplers use it no further.
    ///
    /// Its saved form: a copy would share its words, which the first use would have to copy.
    private let initialNoise: [UInt8]
    private let schedule: ForecastSchedule
    private var forecast: OutputForecast?
    private var callIndex = 0
    /// Steps done: calls, and forecasts between them.
    private var stepIndex = 0
    private let schedulerConfiguration: SchedulerConfiguration
    /// Made when the first estimate is wanted.
    private var estimator: OriginalSampleEstimator?
    /// What the finished latents may be, `pred_original_sample` of the last call if that was to
    /// estimate them; unscaled.
    package private(set) var estimate: GeneratedLatents?

    init(
        _ request: GenerationRequest, pipeline: StableDiffusionPipeline, lanes: PlannedLanes,
        grid: TensorShape, scheduler: any NoiseScheduler, merging: TokenMergeRun?
    ) throws {
        self.request = request
        guidance = ClassifierFreeGuidance(request)
        self.lanes = lanes
        self.scheduler = scheduler
        let schedule = ForecastSchedule(
            stepCount: scheduler.timesteps.count, interval: request.forecastInterval)
        self.schedule = schedule
        self.merging = merging
        unet = pipeline.unet
        schedulerConfiguration = pipeline.schedulerConfiguration
        let clock = ContinuousClock()
        let start = clock.now
        let prompts = pipeline.prompts
        // Unconditional first, as in diffusers.
        let sources =
            lanes.halves == 2 ? [request.negativePrompt, request.prompt] : [request.prompt]
        let wasCached = sources.allSatisfy {
            prompts.isCached($0, clipSkip: request.clipSkip)
        }
        let states = try prompts.encode(
            sources, clipSkip: request.clipSkip, callCount: schedule.callCount,
            lanes: lanes.lanes)
        let passes = lanes.passes(merging: merging)
        let scaleInput = try pipeline.unet.configuration.timeConditionProjectionDimension.map {
            try Self.scaleInput(request.guidanceScale, channels: $0)
        }
        conditioning = try lanes.lanes.onFirstLane { first in
            let texts =
                passes.passCount == states.count ? states : [try joined(states, lane: first)]
            return try texts.map {
                try pipeline.unet.prepare(text: $0, guidance: scaleInput, lane: first)
            }
        }
        textEncodingSeconds = wasCached ? 0 : (clock.now - start).seconds
        buffers = try DenoisingBuffers(grid: grid, passes: passes)
        if schedule.callCount < schedule.stepCount {
            forecast = OutputForecast(valueCount: grid.elementCount)
        }
        noise = ImageNoise(seed: request.seed)
        let initial = noise.initialLatents(
            channels: buffers.grid.channels, height: buffers.grid.height,
            width: buffers.grid.width, scale: scheduler.initialNoiseSigma)
        initialNoise = Self.saved(noise.sampling)
        _ = buffers.latents.update(from: initial)
    }

    /// The guidance scale as an input, `[1, 1, 1, channels]`, f32.
    private static func scaleInput(_ scale: Float, channels: Int) throws -> Tensor {
        let tensor = try Tensor(allocating: TensorShape(tokens: 1, channels: channels))
        for (index, value) in guidanceScaleEmbedding(scale - 1, dimension: channels).enumerated() {
            tensor.floats[index] = value
        }
        return tensor
    }

    /// Total U-Net calls; some samplers make more than one per step, and steps that are forecast
    /// make none.
    package var callCount: Int { schedule.callCount }

    /// The timestep of each U-Net call.
    package var timesteps: [Float] {
        scheduler.timesteps.indices.filter { !schedule.isForecast($0) }
            .map { scheduler.timesteps[$0] }
    }

    /// Makes one U-Net call on every half and advances the latents, through the forecast steps that
    /// follow it.
    ///
    /// - Parameter estimates: whether `estimate` is wanted after it; the latents stay the same.
    /// - Returns: calls made so far, or `nil` if none is left.
    /// - Throws: `NonFiniteLatentsError`.
    package func next(estimates: Bool = false) throws -> Int? {
        guard callIndex < callCount else { return nil }
        scheduler.scaleModelInput(
            UnsafeBufferPointer(buffers.latents), into: buffers.scaled, at: stepIndex)
        buffers.fillSample()
        merging?.begin(callIndex: callIndex)
        lanes.predict(
            unet, sample: buffers.sample, timestep: scheduler.timesteps[stepIndex],
            conditioning: conditioning, merging: merging, outputs: buffers.outputs)
        if buffers.halves.count == 2 {
            merging?.end(uncond: buffers.halves[0], text: buffers.halves[1])
        }
        buffers.combine(guidance)
        estimate = estimates ? try estimateLatents() : nil
        forecast?.record(buffers.prediction, at: scheduler.timesteps[stepIndex])
        advance()
        while schedule.isForecast(stepIndex) {
            forecast?.write(buffers.prediction, at: scheduler.timesteps[stepIndex])
            advance()
        }
        callIndex += 1
        guard buffers.isFinite else { throw NonFiniteLatentsError(callIndex: callIndex) }
        return callIndex
    }

    private func estimateLatents() throws -> GeneratedLatents {
        let estimator =
            try estimator
            ?? OriginalSampleEstimator(
                schedulerConfiguration, request.samplingMethod, timesteps: scheduler.timesteps)
        self.estimator = estimator
        return latents(
            estimator.estimate(input: buffers.scaled, output: buffers.prediction, at: stepIndex))
    }

    /// Applies the prediction of a step.
    private func advance() {
        scheduler.step(
            modelOutput: UnsafeBufferPointer(buffers.prediction), at: stepIndex,
            sample: buffers.latents, noise: &noise.sampling)
        stepIndex += 1
    }

    /// Statistics of token merging so far.
    package var mergeStatistics: TokenMergeStatistics {
        merging?.statistics ?? TokenMergeStatistics()
    }

    /// Everything the remaining calls depend on, so that a run of an equal request can resume
    /// elsewhere.
    ///
    /// Read it between two calls of `next`. Words, little-endian: the format's version, the digest of
    /// the request, the index of the next call, the latents' sizes and values, the scheduler's
    /// history, the generator's state if the sampler used it, merging's counts and plans, the
    /// outputs to forecast from; then a digest of all these.
    ///
    /// - Parameter requestDigest: tells this run's request from others.
    package func checkpoint(requestDigest: UInt64) -> [UInt8] {
        var writer = WordWriter()
        writer.write(Self.checkpointVersion)
        writer.write(requestDigest)
        writer.write(callIndex)
        for size in [buffers.grid.channels, buffers.grid.height, buffers.grid.width] {
            writer.write(size)
        }
        writer.write(buffers.latents)
        scheduler.history.save(to: &writer)
        let hasDrawn = Self.saved(noise.sampling) != initialNoise
        writer.write(hasDrawn ? 1 : 0)
        if hasDrawn { noise.sampling.save(to: &writer) }
        merging?.save(to: &writer, callIndex: callIndex)
        forecast?.save(to: &writer)
        return writer.finish()
    }

    /// Resumes from a checkpoint instead of starting from the initial noise.
    ///
    /// - Parameter requestDigest: of this run's request, as for `checkpoint`.
    /// - Throws: `SavedStateError`; the run is unusable afterwards.
    func restore(_ checkpoint: [UInt8], requestDigest: UInt64) throws(SavedStateError) {
        var reader = try WordReader(checkpoint)
        guard try reader.read() == Self.checkpointVersion else { throw .foreign("version") }
        guard try reader.readWide() == requestDigest else { throw .foreign("request") }
        callIndex = try reader.read(in: 0...callCount)
        stepIndex = schedule.step(afterCalls: callIndex)
        for size in [buffers.grid.channels, buffers.grid.height, buffers.grid.width] {
            guard try reader.read() == UInt32(size) else { throw .foreign("size") }
        }
        _ = buffers.latents.update(from: try reader.readFloats(buffers.latents.count))
        try scheduler.history.restore(from: &reader, stepCount: schedule.stepCount)
        guard scheduler.history.stepIndex == stepIndex else { throw .damaged }
        if try reader.read(in: 0...1) == 1 {
            noise.sampling = try TorchGenerator(from: &reader)
        }
        try merging?.restore(from: &reader, callIndex: callIndex)
        try forecast?.restore(from: &reader, callCount: callIndex)
        try reader.finish()
        guard buffers.isFinite else { throw .damaged }
        resumedCallIndex = callIndex
    }

    private static func saved(_ generator: TorchGenerator) -> [UInt8] {
        var writer = WordWriter()
        generator.save(to: &writer)
        return writer.finish()
    }

    /// Increase this with every change to the contents of a checkpoint.
    private static let checkpointVersion: UInt32 = 2

    /// The latents after the calls made so far.
    package var latents: GeneratedLatents { latents(Array(buffers.latents)) }

    private func latents(_ values: [Float]) -> GeneratedLatents {
        GeneratedLatents(
            channels: buffers.grid.channels, height: buffers.grid.height,
            width: buffers.grid.width, values: values)
    }
}

/// Latents that are no longer finite.
package struct NonFiniteLatentsError: Error, Equatable, CustomStringConvertible {
    /// The U-Net call after which this was detected, from 1.
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
