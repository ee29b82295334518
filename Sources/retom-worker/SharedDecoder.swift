// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ProcessSupport
import StableDiffusion
import TensorKit

/// The VAE of a worker: pictures that are sampled at the same time are decoded one after the other.
///
/// `@unchecked Sendable`: the decoder is used under the lock.
final class SharedDecoder: @unchecked Sendable {
    private let model: any ModelSource
    private let compute: ComputeConfiguration
    private let cores: ComputeCores?
    private let lock = ThreadLock()
    /// Loaded when the first picture is requested: most runs decode on the coordinator.
    private var decoder: LatentDecoder?

    /// - Parameter cores: shared with the lanes that sample; `nil` for no limit.
    init(model: any ModelSource, compute: ComputeConfiguration, cores: ComputeCores?) {
        self.model = model
        self.compute = compute
        self.cores = cores
    }

    /// Decodes latents; seconds are those of decoding, without waiting for other pictures.
    ///
    /// - Throws: What loading a VAE and decoding throw.
    func picture(of latents: GeneratedLatents) throws -> WorkerPicture {
        try lock.whileLocked {
            let decoder =
                try decoder ?? LatentDecoder(model: model, compute: compute, cores: cores)
            self.decoder = decoder
            let clock = ContinuousClock()
            let begin = clock.now
            let image = try decoder.decode(latents)
            return WorkerPicture(
                image: image, kernelClass: decoder.kernelClass,
                seconds: (clock.now - begin).seconds)
        }
    }
}
