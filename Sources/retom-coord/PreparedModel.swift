// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import GenerationTypes
internal import StableDiffusion
internal import TensorKit

/// What this process needs of the model.
struct PreparedModel: Sendable {
    let fingerprint: ModelFingerprint
    let decoder: PictureDecoder

    /// Hashes the model's files and loads its VAE.
    init(_ model: any ModelSource, decoding: ComputeConfiguration) async throws {
        async let fingerprint = DedicatedThread.run(named: "hash") {
            try ModelFingerprint(of: model)
        }
        async let decoder = DedicatedThread.run(named: "load") {
            PictureDecoder(try LatentDecoder(model: model, compute: decoding))
        }
        self.fingerprint = try await fingerprint
        self.decoder = try await decoder
    }
}
