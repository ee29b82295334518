// SPDX-License-Identifier: Apache-2.0

/// What a generator returns for one request: latents, and the facts about them.
package struct SampledImage: Sendable, Equatable {
    /// Everything but the latents themselves.
    package struct Facts: Sendable, Equatable {
        /// Latent channels.
        package var channels: Int
        /// Latent rows.
        package var height: Int
        /// Latent columns.
        package var width: Int
        /// SHA-256 of the latents' little-endian f32 bytes, 32 bytes.
        package var sha256: [UInt8]
        /// Where the time went.
        package var timings: GenerationTimings
        /// What merging tokens saved and cost.
        package var tokenMerging: TokenMergeStatistics
        /// The step of the checkpoint that sampling resumed from; 0 for none.
        package var resumedStep: Int

        /// Describes latents of `[1, channels, height, width]`.
        package init(
            channels: Int, height: Int, width: Int, sha256: [UInt8],
            timings: GenerationTimings = GenerationTimings(),
            tokenMerging: TokenMergeStatistics = TokenMergeStatistics(), resumedStep: Int = 0
        ) {
            precondition(sha256.count == 32, "a SHA-256 has 32 bytes, not \(sha256.count)")
            self.channels = channels
            self.height = height
            self.width = width
            self.sha256 = sha256
            self.timings = timings
            self.tokenMerging = tokenMerging
            self.resumedStep = resumedStep
        }

        /// Values of the latents.
        package var valueCount: Int { channels * height * width }
    }

    /// The unscaled latents, bit-exact.
    package let latents: GeneratedLatents
    /// What is known about them.
    package var facts: Facts

    /// Joins latents with the facts about them; the digest is taken as given.
    package init(
        latents: GeneratedLatents, sha256: [UInt8],
        timings: GenerationTimings = GenerationTimings(),
        tokenMerging: TokenMergeStatistics = TokenMergeStatistics(), resumedStep: Int = 0
    ) {
        self.latents = latents
        facts = Facts(
            channels: latents.channels, height: latents.height, width: latents.width,
            sha256: sha256, timings: timings, tokenMerging: tokenMerging, resumedStep: resumedStep)
    }
}
