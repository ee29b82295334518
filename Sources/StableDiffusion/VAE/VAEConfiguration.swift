// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The decoder's part of `vae/config.json`, with the defaults of diffusers' `AutoencoderKL`.
package struct VAEConfiguration: Sendable, Equatable {
    package var className = "AutoencoderKL"
    package var outputChannels = 3
    package var upBlockTypes = ["UpDecoderBlock2D"]
    package var blockOutputChannels = [64]
    package var layersPerBlock = 1
    package var activationFunction = "silu"
    package var latentChannels = 4
    package var normGroupCount = 32
    /// Picture side that the model was trained on, in pixels; it determines the size of tiles.
    package var sampleSize: PerBlock<Int> = .all(32)
    /// Latents are divided by this before decoding.
    package var scalingFactor: Float = 0.18215
    /// Added to the latents after that.
    package var shiftFactor: Float?
    package var usesPostQuantConvolution = true
    package var midBlockHasAttention = true

    package init() {}
}

extension VAEConfiguration: ComponentConfiguration {
    private enum CodingKeys: String, CodingKey {
        case className = "_class_name"
        case outputChannels = "out_channels"
        case upBlockTypes = "up_block_types"
        case blockOutputChannels = "block_out_channels"
        case layersPerBlock = "layers_per_block"
        case activationFunction = "act_fn"
        case latentChannels = "latent_channels"
        case normGroupCount = "norm_num_groups"
        case sampleSize = "sample_size"
        case scalingFactor = "scaling_factor"
        case shiftFactor = "shift_factor"
        case usesPostQuantConvolution = "use_post_quant_conv"
        case midBlockHasAttention = "mid_block_add_attention"
    }

    package init(from decoder: any Decoder) throws {
        try FixedOptions.check([("latents_mean", .null), ("latents_std", .null)], in: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try container.update(&className, .className)
        try container.update(&outputChannels, .outputChannels)
        try container.update(&upBlockTypes, .upBlockTypes)
        try container.update(&blockOutputChannels, .blockOutputChannels)
        try container.update(&layersPerBlock, .layersPerBlock)
        try container.update(&activationFunction, .activationFunction)
        try container.update(&latentChannels, .latentChannels)
        try container.update(&normGroupCount, .normGroupCount)
        try container.update(&sampleSize, .sampleSize)
        try container.update(&scalingFactor, .scalingFactor)
        try container.updateOptional(&shiftFactor, .shiftFactor)
        try container.update(&usesPostQuantConvolution, .usesPostQuantConvolution)
        try container.update(&midBlockHasAttention, .midBlockHasAttention)
    }

    package func validate() throws(ConfigurationProblem) {
        guard className == "AutoencoderKL" else {
            throw .unsupported(
                key: "_class_name", value: className,
                supported: ["AutoencoderKL", AutoencoderTinyConfiguration.className])
        }
        guard outputChannels == 3 else {
            throw .unsupported(key: "out_channels", value: "\(outputChannels)", supported: ["3"])
        }
        guard Activation(configurationName: activationFunction) != nil else {
            throw .unsupported(
                key: "act_fn", value: activationFunction, supported: ["silu", "swish", "gelu"])
        }
        let limits = ConfigurationLimits.self
        try limits.check(blockOutputChannels.count, limits.blocks, key: "block_out_channels")
        guard upBlockTypes.count == blockOutputChannels.count else {
            throw .invalid(
                key: "up_block_types", value: "a list of \(upBlockTypes.count)",
                reason: "\"block_out_channels\" has \(blockOutputChannels.count) entries")
        }
        for type in upBlockTypes where type != "UpDecoderBlock2D" {
            throw .unsupported(key: "up_block_types", value: type, supported: ["UpDecoderBlock2D"])
        }
        try limits.check(layersPerBlock, limits.layers, key: "layers_per_block")
        try limits.check(latentChannels, limits.channels, key: "latent_channels")
        try limits.check(normGroupCount, limits.channels, key: "norm_num_groups")
        try limits.check(sampleSide, limits.channels, key: "sample_size")
        for channels in blockOutputChannels {
            try limits.check(channels, limits.channels, key: "block_out_channels")
            guard channels % normGroupCount == 0 else {
                throw .invalid(
                    key: "norm_num_groups", value: "\(normGroupCount)",
                    reason: "\(channels) channels can't be split into as many groups")
            }
        }
        guard scalingFactor.isFinite, scalingFactor != 0 else {
            throw .invalid(
                key: "scaling_factor", value: "\(scalingFactor)", reason: "it divides the latents")
        }
    }
}

extension VAEConfiguration {
    /// diffusers' `vae_scale_factor`: picture pixels per latent pixel, along each side.
    package var scaleFactor: Int { 1 << (blockOutputChannels.count - 1) }

    /// Picture side that the model was trained on, in pixels.
    package var sampleSide: Int {
        switch sampleSize {
        case .all(let side): side
        case .each(let sides): sides.first ?? 0
        }
    }

    /// The pointwise function of the residual blocks.
    var activation: Activation { Activation(configurationName: activationFunction) ?? .silu }
}
