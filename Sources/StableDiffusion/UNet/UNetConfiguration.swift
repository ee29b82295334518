// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The contents of `unet/config.json`; the defaults are those of diffusers' `UNet2DConditionModel`.
package struct UNetConfiguration: Sendable, Equatable {
    package var className = "UNet2DConditionModel"
    /// Latent rows and columns that the model was trained on; one number or two.
    package var sampleSize: PerBlock<Int>?
    package var inputChannels = 4
    package var outputChannels = 4
    /// The sample is passed as 2x − 1.
    package var centersInputSample = false
    /// The cosines come first in the timestep's embedding.
    package var flipsSineToCosine = true
    package var frequencyShift: Float = 0
    package var downBlockTypes = [
        "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D",
    ]
    package var midBlockType: String? = "UNetMidBlock2DCrossAttn"
    package var upBlockTypes = [
        "UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
    ]
    /// The first attention of a block attends to the text too.
    package var onlyCrossAttention: PerBlock<Bool> = .all(false)
    package var blockOutputChannels = [320, 640, 1280, 1280]
    package var layersPerBlock: PerBlock<Int> = .all(2)
    package var activationFunction = "silu"
    package var normGroupCount: Int? = 32
    package var normEpsilon: Float = 1e-5
    package var crossAttentionDimension: PerBlock<Int> = .all(1280)
    package var transformerLayersPerBlock: PerBlock<PerBlock<Int>> = .all(.all(1))
    package var reverseTransformerLayersPerBlock: [PerBlock<Int>]?
    /// diffusers' `attention_head_dim`, which holds the *number of heads* in every published
    /// Stable Diffusion configuration.
    package var attentionHeadDimension: PerBlock<Int> = .all(8)
    /// Overrides `attentionHeadDimension` if present.
    package var attentionHeadCount: PerBlock<Int>?
    package var usesLinearProjection = false
    package var timeEmbeddingDimension: Int?
    /// Values of the guidance embedding that distilled models (LCM) take besides the timestep.
    package var timeConditionProjectionDimension: Int?
    package var inputKernelSize = 3
    package var outputKernelSize = 3

    package init() {}
}

extension UNetConfiguration: ComponentConfiguration {
    private enum CodingKeys: String, CodingKey {
        case className = "_class_name"
        case sampleSize = "sample_size"
        case inputChannels = "in_channels"
        case outputChannels = "out_channels"
        case centersInputSample = "center_input_sample"
        case flipsSineToCosine = "flip_sin_to_cos"
        case frequencyShift = "freq_shift"
        case downBlockTypes = "down_block_types"
        case midBlockType = "mid_block_type"
        case upBlockTypes = "up_block_types"
        case onlyCrossAttention = "only_cross_attention"
        case blockOutputChannels = "block_out_channels"
        case layersPerBlock = "layers_per_block"
        case activationFunction = "act_fn"
        case normGroupCount = "norm_num_groups"
        case normEpsilon = "norm_eps"
        case crossAttentionDimension = "cross_attention_dim"
        case transformerLayersPerBlock = "transformer_layers_per_block"
        case reverseTransformerLayersPerBlock = "reverse_transformer_layers_per_block"
        case attentionHeadDimension = "attention_head_dim"
        case attentionHeadCount = "num_attention_heads"
        case usesLinearProjection = "use_linear_projection"
        case timeEmbeddingDimension = "time_embedding_dim"
        case timeConditionProjectionDimension = "time_cond_proj_dim"
        case inputKernelSize = "conv_in_kernel"
        case outputKernelSize = "conv_out_kernel"
    }

    /// Options of other models: each has only one supported value here.
    private static let fixedOptions: [(key: String, value: OptionValue)] = [
        ("dual_cross_attention", .bool(false)), ("class_embed_type", .null),
        ("num_class_embeds", .null), ("class_embeddings_concat", .bool(false)),
        ("addition_embed_type", .null), ("encoder_hid_dim", .null),
        ("encoder_hid_dim_type", .null), ("resnet_time_scale_shift", .text("default")),
        ("time_embedding_type", .text("positional")), ("time_embedding_act_fn", .null),
        ("timestep_post_act", .null), ("attention_type", .text("default")),
        ("mid_block_scale_factor", .number(1)), ("downsample_padding", .number(1)),
        ("resnet_skip_time_act", .bool(false)), ("cross_attention_norm", .null),
    ]

    package init(from decoder: any Decoder) throws {
        try FixedOptions.check(Self.fixedOptions, in: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try container.update(&className, .className)
        try container.updateOptional(&sampleSize, .sampleSize)
        try container.update(&inputChannels, .inputChannels)
        try container.update(&outputChannels, .outputChannels)
        try container.update(&centersInputSample, .centersInputSample)
        try container.update(&flipsSineToCosine, .flipsSineToCosine)
        try container.update(&frequencyShift, .frequencyShift)
        try container.update(&downBlockTypes, .downBlockTypes)
        try container.updateOptional(&midBlockType, .midBlockType)
        try container.update(&upBlockTypes, .upBlockTypes)
        try container.update(&onlyCrossAttention, .onlyCrossAttention)
        try container.update(&blockOutputChannels, .blockOutputChannels)
        try container.update(&layersPerBlock, .layersPerBlock)
        try container.update(&activationFunction, .activationFunction)
        try container.updateOptional(&normGroupCount, .normGroupCount)
        try container.update(&normEpsilon, .normEpsilon)
        try container.update(&crossAttentionDimension, .crossAttentionDimension)
        try container.update(&transformerLayersPerBlock, .transformerLayersPerBlock)
        try container.updateOptional(
            &reverseTransformerLayersPerBlock, .reverseTransformerLayersPerBlock)
        try container.update(&attentionHeadDimension, .attentionHeadDimension)
        try container.updateOptional(&attentionHeadCount, .attentionHeadCount)
        try container.update(&usesLinearProjection, .usesLinearProjection)
        try container.updateOptional(&timeEmbeddingDimension, .timeEmbeddingDimension)
        try container.updateOptional(
            &timeConditionProjectionDimension, .timeConditionProjectionDimension)
        try container.update(&inputKernelSize, .inputKernelSize)
        try container.update(&outputKernelSize, .outputKernelSize)
    }
}

extension UNetConfiguration {
    /// Latent height and width that the model was trained on, if the file says so.
    package var sampleGrid: (height: Int, width: Int)? {
        switch sampleSize {
        case .all(let side): (side, side)
        case .each(let sides) where sides.count == 2: (sides[0], sides[1])
        default: nil
        }
    }

    /// Width of the timestep's embedding.
    var timeEmbeddingChannels: Int { timeEmbeddingDimension ?? 4 * blockOutputChannels[0] }

    /// The pointwise function of the residual blocks.
    var activation: Activation { Activation(configurationName: activationFunction) ?? .silu }

    /// Groups of every group norm; `validate` refuses a file without them.
    var groupCount: Int { normGroupCount ?? 32 }
}

extension Activation {
    /// The function with this name in diffusers and transformers.
    init?(configurationName name: String) {
        switch name {
        case "silu", "swish": self = .silu
        case "gelu": self = .gelu
        case "quick_gelu": self = .quickGELU
        default: return nil
        }
    }
}
