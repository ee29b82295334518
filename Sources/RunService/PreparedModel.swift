// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ProcessSupport
package import StableDiffusion
package import TensorKit

/// What a coordinator needs of the model.
package struct PreparedModel: Sendable {
    /// Which weights every image of the run is sampled with.
    package let fingerprint: ModelFingerprint
    /// The VAE.
    package let decoder: PictureDecoder

    /// Hashes the model's files and loads its VAE, on threads of their own.
    ///
    /// - Throws: `ConfigurationError`, `CheckpointMismatchError`, `SafeTensorsError`,
    ///   `ComputeConfigurationError`.
    package init(_ model: any ModelSource, decoding: ComputeConfiguration) async throws {
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
