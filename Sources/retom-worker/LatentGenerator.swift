// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import StableDiffusion
import TensorKit
import Worker

/// The pipeline as a worker's generator.
///
/// `@unchecked Sendable`: the pipeline belongs to one thread, and the worker guarantees to call the
/// generator and its runs only on one dedicated thread.
final class LatentGenerator: LatentGenerating, @unchecked Sendable {
    /// Workers of equal classes return results equal to the last bit.
    let kernelClass: String
    private let pipeline: StableDiffusionPipeline
    private let model: any ModelSource
    private let compute: ComputeConfiguration
    /// Loaded when the first picture is requested: most runs decode on the coordinator.
    private var decoder: LatentDecoder?

    init(model: any ModelSource, compute: ComputeConfiguration) throws {
        self.model = model
        self.compute = compute
        pipeline = try StableDiffusionPipeline(model: model, compute: compute)
        kernelClass = pipeline.kernelClass
    }

    func picture(of latents: GeneratedLatents) throws -> WorkerPicture {
        let decoder = try decoder ?? LatentDecoder(model: model, compute: compute)
        self.decoder = decoder
        let clock = ContinuousClock()
        let begin = clock.now
        let image = try decoder.decode(latents)
        return WorkerPicture(
            image: image, kernelClass: decoder.kernelClass,
            seconds: (clock.now - begin).seconds)
    }

    func beginRun(
        for request: GenerationRequest, from checkpoint: [UInt8]?
    ) throws -> any LatentRun {
        do {
            let digest = request.digest
            return PipelineRun(
                try pipeline.begin(request, from: checkpoint.map { ($0, digest) }),
                requestDigest: digest)
        } catch let error as SavedStateError {
            throw UnusableCheckpointError(error.description)
        } catch TokenMergeConfigurationError.unknownMethod(let name, _) {
            throw NotUnderstoodError("merge method \(name)")
        } catch {
            // Errors of the request occur everywhere; all others belong to this machine.
            switch error {
            case is GenerationRequestError, is PictureSizeError, is TextEncoderError,
                is SchedulerError, is TokenMergeConfigurationError:
                throw error
            default: throw RetryableGenerationError("\(error)")
            }
        }
    }
}

/// One image of the pipeline as a worker's run.
private final class PipelineRun: LatentRun {
    private let run: DenoisingRun
    private let requestDigest: UInt64

    init(_ run: DenoisingRun, requestDigest: UInt64) {
        self.run = run
        self.requestDigest = requestDigest
    }

    var stepCount: Int { run.callCount }
    var resumedStep: Int { run.resumedCallIndex }
    var textEncodingSeconds: Double { run.textEncodingSeconds }
    var mergeStatistics: TokenMergeStatistics { run.mergeStatistics }

    func next(estimates: Bool) throws -> Int? {
        do {
            return try run.next(estimates: estimates)
        } catch let error as NonFiniteLatentsError {
            throw NonFiniteLatentsFailure(error.description)
        }
    }

    var estimate: GeneratedLatents? { run.estimate }

    func checkpoint() -> [UInt8] { run.checkpoint(requestDigest: requestDigest) }

    func latents() throws -> GeneratedLatents { run.latents }
}
