// SPDX-License-Identifier: Apache-2.0

/// The random streams of one image.
///
/// One generator serves the initial latents and then the noise that ancestral samplers add, in
/// the order diffusers consumes `generator=torch.Generator().manual_seed(seed)`; token merging has
/// its own stream, so that merging never changes the noise. Both depend only on the image's seed:
/// an image is the same alone or in a batch.
package struct ImageNoise: Sendable, Hashable {
    /// Initial latents, then the noise between steps.
    package var sampling: TorchGenerator
    /// Random choices of token merging.
    package var merging: TorchGenerator

    /// Streams of image `index` in a batch that starts at `seed`: the seed is `seed + index`.
    package init(seed: UInt64, index: Int = 0) {
        let seed = seed &+ UInt64(truncatingIfNeeded: index)
        sampling = TorchGenerator(seed: seed)
        merging = TorchGenerator(seed: Self.mergingSeed(seed))
    }

    /// Generates the initial latents, scaled by the scheduler's `initialNoiseSigma`.
    ///
    /// `[1, channels, height, width]` in channel-major (NCHW) order; sizes are in latent cells.
    package mutating func initialLatents(
        channels: Int, height: Int, width: Int, scale: Float
    ) -> [Float] {
        var latents = sampling.normal(count: channels * height * width)
        // Torch multiplies by the 0-dimensional sigma even where it is 1, which changes nothing.
        if scale != 1 {
            for index in latents.indices { latents[index] *= scale }
        }
        return latents
    }

    /// SplitMix64's finaliser: seeds that differ in one bit give unrelated streams.
    private static func mergingSeed(_ seed: UInt64) -> UInt64 {
        var mixed = seed &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
