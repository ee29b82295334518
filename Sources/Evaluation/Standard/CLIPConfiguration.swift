// SPDX-License-Identifier: Apache-2.0

import StableDiffusion

/// `config.json` of a whole CLIP in Hugging Face's layout, such as `openai/clip-vit-base-patch16` or
/// `laion/CLIP-ViT-H-14-laion2B-s32B-b79K`; the defaults are those of transformers.
struct CLIPConfiguration: ComponentConfiguration, Equatable {
    var text: TextEncoderConfiguration
    var vision: CLIPVisionConfiguration
    var projectionSize: Int

    private enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case text = "text_config"
        case vision = "vision_config"
        case projectionSize = "projection_dim"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let modelType = try container.decode(String.self, forKey: .modelType)
        guard modelType == "clip" else {
            throw ConfigurationProblem.unsupported(
                key: "model_type", value: modelType, supported: ["clip"])
        }
        text = try container.decode(TextEncoderConfiguration.self, forKey: .text)
        vision = try container.decode(CLIPVisionConfiguration.self, forKey: .vision)
        projectionSize = try container.decodeIfPresent(Int.self, forKey: .projectionSize) ?? 512
    }

    func validate() throws(ConfigurationProblem) {
        try text.validate()
        try vision.validate()
        guard (1...65_536).contains(projectionSize) else {
            throw .invalid(
                key: "projection_dim", value: "\(projectionSize)", reason: "it must be 1 to 65536")
        }
    }
}

/// `vision_config` of a CLIP.
struct CLIPVisionConfiguration: Decodable, Equatable {
    var hiddenSize = 768
    var intermediateSize = 3072
    var layerCount = 12
    var attentionHeadCount = 12
    var imageSize = 224
    var patchSize = 32
    var hiddenActivation = "quick_gelu"
    var layerNormEpsilon: Float = 1e-5

    private enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case layerCount = "num_hidden_layers"
        case attentionHeadCount = "num_attention_heads"
        case imageSize = "image_size"
        case patchSize = "patch_size"
        case hiddenActivation = "hidden_act"
        case layerNormEpsilon = "layer_norm_eps"
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
            value = try values.decodeIfPresent(Value.self, forKey: key) ?? value
        }
        try read(.hiddenSize, &hiddenSize)
        try read(.intermediateSize, &intermediateSize)
        try read(.layerCount, &layerCount)
        try read(.attentionHeadCount, &attentionHeadCount)
        try read(.imageSize, &imageSize)
        try read(.patchSize, &patchSize)
        try read(.hiddenActivation, &hiddenActivation)
        try read(.layerNormEpsilon, &layerNormEpsilon)
    }

    /// Patches along one side.
    var patchCount: Int { imageSize / patchSize }

    /// The same numbers for layers that the text encoder has too.
    var layers: TextEncoderConfiguration {
        var layers = TextEncoderConfiguration()
        layers.hiddenSize = hiddenSize
        layers.intermediateSize = intermediateSize
        layers.layerCount = layerCount
        layers.attentionHeadCount = attentionHeadCount
        layers.hiddenActivation = hiddenActivation
        layers.layerNormEpsilon = layerNormEpsilon
        layers.positionCountMax = patchCount * patchCount + 1
        return layers
    }

    func validate() throws(ConfigurationProblem) {
        for (key, value) in [("image_size", imageSize), ("patch_size", patchSize)]
        where !(1...4096).contains(value) {
            throw .invalid(key: key, value: "\(value)", reason: "it must be 1 to 4096")
        }
        guard imageSize.isMultiple(of: patchSize) else {
            throw .invalid(
                key: "image_size", value: "\(imageSize)",
                reason: "it must be a multiple of patch_size, \(patchSize)")
        }
        try layers.validate()
    }
}
