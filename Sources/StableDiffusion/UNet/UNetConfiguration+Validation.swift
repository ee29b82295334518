// SPDX-License-Identifier: Apache-2.0

import TensorKit

extension UNetConfiguration {
    /// Block types of Stable Diffusion 1.x and 2.x.
    static let supportedDownBlocks = ["CrossAttnDownBlock2D", "DownBlock2D"]
    static let supportedUpBlocks = ["CrossAttnUpBlock2D", "UpBlock2D"]
    static let supportedMidBlocks = [midBlockWithAttention, "UNetMidBlock2D"]

    package func validate() throws(ConfigurationProblem) {
        guard className == "UNet2DConditionModel" else {
            throw .unsupported(
                key: "_class_name", value: className, supported: ["UNet2DConditionModel"])
        }
        try validateBlocks()
        try validateNumbers()
        guard Activation(configurationName: activationFunction) != nil else {
            throw .unsupported(
                key: "act_fn", value: activationFunction, supported: ["silu", "swish", "gelu"])
        }
        for (key, size) in [
            ("conv_in_kernel", inputKernelSize), ("conv_out_kernel", outputKernelSize),
        ]
        where size != 1 && size != 3 {
            throw .unsupported(key: key, value: "\(size)", supported: ["1", "3"])
        }
        let levels = try levels()
        for level in levels { try validate(level) }
        guard Set(levels.map(\.crossAttentionDimension)).count == 1 else {
            throw .unsupported(
                key: "cross_attention_dim", value: "a list of different numbers",
                supported: ["one number for all blocks"])
        }
        try ConfigurationLimits.check(
            try midTransformerLayers(), ConfigurationLimits.layers,
            key: "transformer_layers_per_block")
    }

    private func validateBlocks() throws(ConfigurationProblem) {
        let count = blockOutputChannels.count
        try ConfigurationLimits.check(count, ConfigurationLimits.blocks, key: "block_out_channels")
        let lists = [
            ("down_block_types", downBlockTypes, Self.supportedDownBlocks),
            ("up_block_types", upBlockTypes, Self.supportedUpBlocks),
        ]
        for (key, types, supported) in lists {
            guard types.count == count else {
                throw .invalid(
                    key: key, value: "a list of \(types.count)",
                    reason: "\"block_out_channels\" has \(count) entries")
            }
            for type in types where !supported.contains(Self.plainName(type)) {
                throw .unsupported(key: key, value: type, supported: supported)
            }
        }
        if let midBlockType, !Self.supportedMidBlocks.contains(midBlockType) {
            throw .unsupported(
                key: "mid_block_type", value: midBlockType, supported: Self.supportedMidBlocks)
        }
    }

    private func validateNumbers() throws(ConfigurationProblem) {
        let channels = ConfigurationLimits.channels
        try ConfigurationLimits.check(inputChannels, channels, key: "in_channels")
        try ConfigurationLimits.check(outputChannels, channels, key: "out_channels")
        try ConfigurationLimits.check(timeEmbeddingChannels, channels, key: "time_embedding_dim")
        if let dimension = timeConditionProjectionDimension {
            try ConfigurationLimits.check(dimension, channels, key: "time_cond_proj_dim")
        }
        guard let normGroupCount else {
            throw .unsupported(
                key: "norm_num_groups", value: "null", supported: ["a number of groups"])
        }
        try ConfigurationLimits.check(normGroupCount, channels, key: "norm_num_groups")
        guard normEpsilon > 0, normEpsilon < 1 else {
            throw .invalid(key: "norm_eps", value: "\(normEpsilon)", reason: "it must be in 0…1")
        }
        guard Float(blockOutputChannels[0] / 2) > frequencyShift else {
            throw .invalid(
                key: "freq_shift", value: "\(frequencyShift)",
                reason: "half of the first \"block_out_channels\" must be larger")
        }
    }

    private func validate(_ level: UNetLevel) throws(ConfigurationProblem) {
        let limits = ConfigurationLimits.self
        try limits.check(level.channels, limits.channels, key: "block_out_channels")
        try limits.check(
            level.crossAttentionDimension, limits.channels, key: "cross_attention_dim")
        try limits.check(level.layerCount, limits.layers, key: "layers_per_block")
        for count in level.downTransformerLayers + level.upTransformerLayers {
            try limits.check(count, limits.layers, key: "transformer_layers_per_block")
        }
        guard level.channels % groupCount == 0 else {
            throw .invalid(
                key: "norm_num_groups", value: "\(groupCount)",
                reason: "\(level.channels) channels can't be split into as many groups")
        }
        guard level.headCount > 0, level.channels % level.headCount == 0 else {
            throw .invalid(
                key: "attention_head_dim", value: "\(level.headCount)",
                reason: "\(level.channels) channels can't be split into as many heads")
        }
    }
}
