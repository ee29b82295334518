// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// A model that is loaded once, with a generator for each picture at a time.
struct LoadedGenerators: Sendable {
    /// One for each picture at a time; they share the weights.
    let generators: [LatentGenerator]
    /// Workers of equal classes return results equal to the last bit.
    let kernelClass: String

    /// Loads a model.
    ///
    /// - Parameters:
    ///   - compute: how all pictures together are computed.
    ///   - pictureCount: pictures at a time; `nil` for what suits cores and memory.
    /// - Throws: What `StableDiffusionPipeline` throws.
    init(
        model: any ModelSource, compute: ComputeConfiguration, pictureCount: Int?
    ) throws {
        let threadCount = try compute.resolve().threadCount
        let wanted = pictureCount ?? PictureSplit.suitedCount(threadCount: threadCount)
        func split(_ count: Int) -> PictureSplit {
            PictureSplit(threadCount: threadCount, pictureCount: count, nodes: .ofProcess)
        }
        var compute = compute
        compute.threadCount = split(wanted).threadsPerPicture
        let loaded = try StableDiffusionPipeline(
            model: model, compute: compute, loadingThreadCount: threadCount)
        let count =
            pictureCount == nil && wanted > 1 ? min(wanted, try Self.room(for: loaded)) : wanted
        guard wanted > 1 else {
            let decoder = SharedDecoder(model: model, compute: compute, cores: nil)
            generators = [LatentGenerator(pipeline: loaded, decoder: decoder)]
            kernelClass = loaded.kernelClass
            return
        }
        let chosen = split(count)
        compute.threadCount = chosen.threadsPerPicture
        let cores = chosen.shares.map { ComputeCores(count: $0.threadCount) }
        let decoder = SharedDecoder(model: model, compute: compute, cores: cores[0])
        let pipelines = (0..<count).map { index in
            loaded.sharingWeights(
                threadCount: chosen.threadsPerPicture,
                cores: cores[chosen.share(ofPicture: index)])
        }
        kernelClass = pipelines[0].kernelClass
        generators = pipelines.enumerated().map { index, pipeline in
            LatentGenerator(
                pipeline: pipeline, decoder: decoder,
                node: chosen.shares[chosen.share(ofPicture: index)].node)
        }
    }

    /// Pictures that the memory left has room for, at least one.
    private static func room(for pipeline: StableDiffusionPipeline) throws -> Int {
        guard let available = AvailableMemory.byteCount() else { return .max }
        // Half of it: others may want some, and layers are packed anew for other sizes.
        return max(1, available / 2 / (try pipeline.scratchByteCount()))
    }
}
