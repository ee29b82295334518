// SPDX-License-Identifier: Apache-2.0

/// What the `config.json` of an `AutoencoderTiny` says about decoding, with diffusers' defaults:
/// the published TAESD's shape.
package struct AutoencoderTinyConfiguration: Sendable, Equatable {
    package var className = Self.className
    package var outputChannels = 3
    package var latentChannels = 4
    /// Channels by level, the coarsest first; all alike, as the layers demand.
    package var decoderBlockOutputChannels = [64, 64, 64, 64]
    /// Blocks by level, the coarsest first.
    package var decoderBlockCounts = [3, 3, 3, 1]
    /// Latents are divided by this before decoding; 1 for the published ones.
    package var scalingFactor: Float = 1

    /// diffusers' class.
    package static let className = "AutoencoderTiny"

    package init() {}
}

extension AutoencoderTinyConfiguration: ComponentConfiguration {
    private enum CodingKeys: String, CodingKey {
        case className = "_class_name"
        case outputChannels = "out_channels"
        case latentChannels = "latent_channels"
        case decoderBlockOutputChannels = "decoder_block_out_channels"
        case decoderBlockCounts = "num_decoder_blocks"
        case scalingFactor = "scaling_factor"
    }

    package init(from decoder: any Decoder) throws {
        try FixedOptions.check(
            [
                ("act_fn", .text("relu")), ("upsample_fn", .text("nearest")),
                ("upsampling_scaling_factor", .number(2)),
            ], in: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try container.update(&className, .className)
        try container.update(&outputChannels, .outputChannels)
        try container.update(&latentChannels, .latentChannels)
        try container.update(&decoderBlockOutputChannels, .decoderBlockOutputChannels)
        try container.update(&decoderBlockCounts, .decoderBlockCounts)
        try container.update(&scalingFactor, .scalingFactor)
    }

    package func validate() throws(ConfigurationProblem) {
        guard className == Self.className else {
            throw .unsupported(key: "_class_name", value: className, supported: [Self.className])
        }
        guard outputChannels == 3 else {
            throw .unsupported(key: "out_channels", value: "\(outputChannels)", supported: ["3"])
        }
        let limits = ConfigurationLimits.self
        try limits.check(latentChannels, limits.channels, key: "latent_channels")
        let key = "decoder_block_out_channels"
        try limits.check(decoderBlockOutputChannels.count, limits.blocks, key: key)
        try limits.check(channels, limits.channels, key: key)
        guard decoderBlockOutputChannels.allSatisfy({ $0 == channels }) else {
            throw .invalid(
                key: key, value: "\(decoderBlockOutputChannels)",
                reason: "no layer changes the number of channels between the levels")
        }
        guard decoderBlockCounts.count == decoderBlockOutputChannels.count else {
            throw .invalid(
                key: "num_decoder_blocks", value: "a list of \(decoderBlockCounts.count)",
                reason: "\"\(key)\" has \(decoderBlockOutputChannels.count) entries")
        }
        for count in decoderBlockCounts {
            try limits.check(
                count, 0...limits.layers.upperBound, key: "num_decoder_blocks")
        }
        guard scalingFactor.isFinite, scalingFactor != 0 else {
            throw .invalid(
                key: "scaling_factor", value: "\(scalingFactor)", reason: "it divides the latents")
        }
    }
}

extension AutoencoderTinyConfiguration {
    /// Channels of all feature maps.
    package var channels: Int { decoderBlockOutputChannels[0] }

    /// diffusers' `vae_scale_factor`: picture pixels per latent pixel, along each side.
    package var scaleFactor: Int { 1 << (decoderBlockCounts.count - 1) }
}
