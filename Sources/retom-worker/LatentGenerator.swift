// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import StableDiffusion
import TensorKit
import Worker

/// The pipeline as a worker's generator.
///
/// `@unchecked Sendable`: the pipeline belongs to one thread, and the worker guarantees to call a
/// generator and its runs only on one dedicated thread.
final class LatentGenerator: LatentGenerating, @unchecked Sendable {
    private let pipeline: StableDiffusionPipeline
    private let decoder: SharedDecoder
    /// Where its thread runs; `nil` for anywhere.
    private let node: MemoryNodes.Node?
    private var hasAdoptedNode = false

    init(
        pipeline: StableDiffusionPipeline, decoder: SharedDecoder, node: MemoryNodes.Node? = nil
    ) {
        self.pipeline = pipeline
        self.decoder = decoder
        self.node = node
    }

    func picture(of latents: GeneratedLatents) throws -> WorkerPicture {
        try decoder.picture(of: latents)
    }

    func beginRun(
        for request: GenerationRequest, from checkpoint: [UInt8]?
    ) throws -> any LatentRun {
        adoptNode()
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

    /// Before its thread starts others: lanes and teams then stay on the node, too.
    private func adoptNode() {
        guard !hasAdoptedNode else { return }
        hasAdoptedNode = true
        node?.adopt()
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
