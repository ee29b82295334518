// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit

/// diffusers' `StableDiffusionPipeline` up to the latents: text encoder, U-Net and scheduler.
///
/// It is loaded once and generates one image at a time; `sharingWeights` makes another one for an
/// image at the same time. It belongs to one thread; its lanes have their own.
///
///     let pipeline = try StableDiffusionPipeline(model: source, compute: configuration)
///     let run = try pipeline.begin(request)
///     while let step = try run.next() { … }
///     let latents = run.latents
package final class StableDiffusionPipeline {
    /// What the model says of itself.
    package let description: ModelDescription
    /// What determines the last bit besides the model: library, instruction set, precision,
    /// threads.
    package let kernelClass: String
    let unet: UNet2DConditionModel
    let prompts: PromptEncoder
    let schedulerConfiguration: SchedulerConfiguration
    private let backend: any ComputeBackend
    private let threadCount: Int
    private let cores: ComputeCores?
    /// One pipeline at a time plans: dry runs pack weights that all share, and look at the memory
    /// that is left.
    private let planning: ThreadLock
    private var lanes: [Int: PlannedLanes] = [:]
    /// Limit of an image's scratch memory, in bytes; `nil` for what the machine has left.
    package var scratchByteCountMax: Int?

    /// Loads a model.
    ///
    /// - Parameters:
    ///   - compute: its threads are those of one image.
    ///   - loadingThreadCount: threads that read and pack weights; `nil` for as many.
    ///   - cores: those for all images at a time; `nil` for one image.
    /// - Throws: an error that names the missing or mismatching part: `ConfigurationError`,
    ///   `CheckpointMismatchError`, `SafeTensorsError`, `TokenizerError`, `SchedulerError`,
    ///   `ComputeConfigurationError`.
    package init(
        model: any ModelSource, compute: ComputeConfiguration, loadingThreadCount: Int? = nil,
        cores: ComputeCores? = nil
    ) throws {
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        threadCount = resolved.threadCount
        self.cores = cores
        planning = ThreadLock()
        kernelClass = backend.kernelClass(threadCount: threadCount)
        description = try ModelDescription(of: model)
        self.backend = backend
        schedulerConfiguration = try model.schedulerConfiguration()
        let tokenizer = try model.tokenizer()
        let team = ThreadTeam(threadCount: loadingThreadCount ?? threadCount)
        unet = try UNet2DConditionModel.load(from: model, backend: backend, team: team)
        let textModel = try CLIPTextModel.load(from: model, backend: backend, team: team)
        prompts = PromptEncoder(tokenizer: tokenizer, model: textModel)
    }

    private init(sharing other: StableDiffusionPipeline, threadCount: Int, cores: ComputeCores) {
        description = other.description
        kernelClass = other.backend.kernelClass(threadCount: threadCount)
        unet = other.unet
        prompts = other.prompts
        schedulerConfiguration = other.schedulerConfiguration
        backend = other.backend
        self.threadCount = threadCount
        planning = other.planning
        scratchByteCountMax = other.scratchByteCountMax
        self.cores = cores
    }

    /// Another pipeline on the same weights, for an image at the same time on another thread.
    ///
    /// - Parameters:
    ///   - threadCount: threads of that image; `nil` for as many as this pipeline's.
    ///   - cores: those for all images at a time, or those of another memory node.
    package func sharingWeights(
        threadCount: Int? = nil, cores: ComputeCores
    ) -> StableDiffusionPipeline {
        StableDiffusionPipeline(
            sharing: self, threadCount: threadCount ?? self.threadCount, cores: cores)
    }

    /// Scratch memory of an image of the model's native size, guided and unmerged, in bytes.
    ///
    /// - Throws: `PreparationError`, `ComputeLanesError`.
    package func scratchByteCount() throws -> Int {
        let planned = try PlannedLanes(
            threadCount: threadCount, halves: 2, instructionSet: backend.instructionSet)
        let (height, width) = unet.configuration.sampleGrid ?? (64, 64)
        let grid = TensorShape(
            height: height, width: width, channels: unet.configuration.inputChannels)
        return try planned.measuredByteCount(for: grid, text: prompts.shape, unet: unet)
    }

    /// Encodes the prompts, generates the initial noise and prepares everything the steps share.
    ///
    /// - Parameters:
    ///   - checkpoint: saved by a run of an equal request and model, under the same kernel class,
    ///     and this request's digest; this run makes the remaining calls.
    ///   - observer: sees every block's features.
    /// - Throws: `SavedStateError` for a checkpoint of something else; `GenerationRequestError`,
    ///   `PictureSizeError`, `TextEncoderError`, `SchedulerError`, `TokenMergeConfigurationError`;
    ///   `TensorStorageError` and `PreparationError` if memory is too small for this size, though
    ///   not for smaller ones.
    package func begin(
        _ request: GenerationRequest,
        from checkpoint: (bytes: [UInt8], requestDigest: UInt64)? = nil,
        observer: (any TokenObserver)? = nil
    ) throws -> DenoisingRun {
        try request.validate()
        try description.check(request)
        let halves = description.halves(of: request)
        let grid = description.latentsShape(of: request)
        let scheduler = try schedulerConfiguration.makeScheduler(
            request.samplingMethod, sigmaSchedule: request.sigmaSchedule,
            inferenceStepCount: request.inferenceStepCount, eta: request.eta,
            sampleCount: grid.elementCount)
        let merging = try mergeRun(request, grid: grid, halves: halves, observer: observer)
        let lanes = try plannedLanes(halves: halves, grid: grid, merging: merging)
        let run = try DenoisingRun(
            request, pipeline: self, lanes: lanes, grid: grid, scheduler: scheduler,
            merging: merging)
        if let checkpoint {
            try run.restore(checkpoint.bytes, requestDigest: checkpoint.requestDigest)
        }
        return run
    }

    /// The image's merging; `nil` if it would keep every token and nobody observes it.
    private func mergeRun(
        _ request: GenerationRequest, grid: TensorShape, halves: Int,
        observer: (any TokenObserver)?
    ) throws -> TokenMergeRun? {
        let run = try TokenMergeRun(
            request.tokenMerging, for: unet, sample: grid, backend: backend, seed: request.seed,
            halves: halves)
        run.observer = observer
        return run.mergesAnything || observer != nil ? run : nil
    }

    /// Lanes whose scratch memory fits the grid; planned again only if the grid changes.
    private func plannedLanes(
        halves: Int, grid: TensorShape, merging: TokenMergeRun?
    ) throws -> PlannedLanes {
        let planned: PlannedLanes
        if let existing = lanes[halves] {
            planned = existing
        } else {
            planned = try PlannedLanes(
                threadCount: threadCount, halves: halves, instructionSet: backend.instructionSet,
                cores: cores)
            lanes[halves] = planned
        }
        func plan() throws {
            try planned.plan(
                for: grid.with(channels: unet.configuration.inputChannels), text: prompts.shape,
                unet: unet, merging: merging, byteCountMax: scratchByteCountMax,
                makeRoom: {
                    // One plan at a time: another would hold memory, and weights in other layouts.
                    for other in lanes.values where other !== planned { other.forgetPlan() }
                },
                measureMore: { try prompts.measure(promptCount: halves, lane: $0) })
        }
        try planning.whileLocked {
            do {
                try plan()
            } catch let error as TensorStorageError {
                // The text encoder's layers can be packed again; this image needs the memory now.
                guard prompts.releaseLayers() else { throw error }
                try plan()
            }
        }
        return planned
    }
}
