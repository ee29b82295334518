// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The contents of `text_encoder/config.json`; the defaults are those of transformers'
/// `CLIPTextConfig`.
package struct TextEncoderConfiguration: Sendable, Equatable {
    package var modelType = "clip_text_model"
    package var vocabularySize = 49_408
    package var hiddenSize = 512
    package var intermediateSize = 2048
    package var layerCount = 12
    package var attentionHeadCount = 8
    package var positionCountMax = 77
    package var hiddenActivation = "quick_gelu"
    package var layerNormEpsilon: Float = 1e-5

    package init() {}
}

extension TextEncoderConfiguration: ComponentConfiguration {
    private enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case vocabularySize = "vocab_size"
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case layerCount = "num_hidden_layers"
        case attentionHeadCount = "num_attention_heads"
        case positionCountMax = "max_position_embeddings"
        case hiddenActivation = "hidden_act"
        case layerNormEpsilon = "layer_norm_eps"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try container.update(&modelType, .modelType)
        try container.update(&vocabularySize, .vocabularySize)
        try container.update(&hiddenSize, .hiddenSize)
        try container.update(&intermediateSize, .intermediateSize)
        try container.update(&layerCount, .layerCount)
        try container.update(&attentionHeadCount, .attentionHeadCount)
        try container.update(&positionCountMax, .positionCountMax)
        try container.update(&hiddenActivation, .hiddenActivation)
        try container.update(&layerNormEpsilon, .layerNormEpsilon)
    }

    package func validate() throws(ConfigurationProblem) {
        guard modelType == "clip_text_model" else {
            throw .unsupported(
                key: "model_type", value: modelType, supported: ["clip_text_model"])
        }
        guard Activation(configurationName: hiddenActivation) != nil else {
            throw .unsupported(
                key: "hidden_act", value: hiddenActivation, supported: ["quick_gelu", "gelu"])
        }
        let limits = ConfigurationLimits.self
        try limits.check(vocabularySize, limits.vocabulary, key: "vocab_size")
        try limits.check(hiddenSize, limits.channels, key: "hidden_size")
        try limits.check(intermediateSize, limits.channels, key: "intermediate_size")
        try limits.check(layerCount, limits.layers, key: "num_hidden_layers")
        try limits.check(positionCountMax, limits.channels, key: "max_position_embeddings")
        guard attentionHeadCount > 0, hiddenSize % attentionHeadCount == 0 else {
            throw .invalid(
                key: "num_attention_heads", value: "\(attentionHeadCount)",
                reason: "\(hiddenSize) channels can't be split into as many heads")
        }
        guard layerNormEpsilon > 0, layerNormEpsilon < 1 else {
            throw .invalid(
                key: "layer_norm_eps", value: "\(layerNormEpsilon)", reason: "it must be in 0…1")
        }
    }
}
