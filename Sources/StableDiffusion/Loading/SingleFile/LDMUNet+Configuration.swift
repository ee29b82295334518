// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// What the published models have in common and no file says.
enum SingleFileFamily: Sendable {
    /// Stable Diffusion 1.x: text of width 768, 8 heads everywhere.
    case stableDiffusion1
    /// Stable Diffusion 2.x: text of width 1024, heads of 64 channels.
    case stableDiffusion2

    /// The family whose text encoder writes this width.
    init?(textWidth: Int) {
        switch textWidth {
        case 768: self = .stableDiffusion1
        case 1024: self = .stableDiffusion2
        default: return nil
        }
    }

    fileprivate func headCount(channels: Int) -> Int {
        self == .stableDiffusion1 ? 8 : max(1, channels / 64)
    }

    /// Rows and columns of the latents that it was trained on: 512² pixels, 768² for
    /// Stable Diffusion 2.x with v-prediction.
    func sampleSize(_ prediction: PredictionType) -> Int {
        self == .stableDiffusion2 && prediction == .vPrediction ? 96 : 64
    }
}

extension LDMUNet {
    /// Width of the text that it reads; `nil` where it reads none.
    var textWidth: Int? {
        // All layers read the same text.
        tensors.first { $0.key.hasSuffix(".attn2.to_k.weight") }?.value.shape.last
    }

    /// The configuration that diffusers would have beside these weights.
    ///
    /// What a tensor would say that the file lacks keeps diffusers' default; the comparison with the
    /// layers then names it.
    func configuration(
        _ family: SingleFileFamily, sampleSize: Int
    ) throws(SingleFileProblem) -> UNetConfiguration {
        var configuration = UNetConfiguration()
        let channels = try levelChannels()
        configuration.sampleSize = .all(sampleSize)
        configuration.blockOutputChannels = channels
        configuration.layersPerBlock = .each(down.map(\.count))
        configuration.attentionHeadDimension = .each(channels.map(family.headCount))
        configuration.crossAttentionDimension = .all(textWidth ?? 0)
        configuration.downBlockTypes = try down.enumerated().map {
            level, layers throws(SingleFileProblem) in
            try Self.hasTransformers(layers, level: level) ? "CrossAttnDownBlock2D" : "DownBlock2D"
        }
        configuration.upBlockTypes = try up.enumerated().map {
            index, layers throws(SingleFileProblem) in
            try Self.hasTransformers(layers, level: up.count - 1 - index)
                ? "CrossAttnUpBlock2D" : "UpBlock2D"
        }
        setTransformers(of: &configuration)
        setOuterLayers(of: &configuration)
        return configuration
    }

    private func levelChannels() throws(SingleFileProblem) -> [Int] {
        var result: [Int] = []
        for (level, layers) in down.enumerated() {
            let all = layers + up[down.count - 1 - level]
            guard let channels = all.lazy.compactMap(\.channels).first else {
                throw .blocks(reason: "level \(level) has no second convolution")
            }
            result.append(channels)
        }
        return result
    }

    private static func hasTransformers(
        _ layers: [Layer], level: Int
    ) throws(SingleFileProblem) -> Bool {
        let count = layers.count { $0.transformerCount != nil }
        guard count == 0 || count == layers.count else {
            throw .blocks(
                reason: "\(count) of \(layers.count) layers of level \(level) have attention")
        }
        return count > 0
    }

    private func setTransformers(of configuration: inout UNetConfiguration) {
        var perBlock = down.map { layers in
            PerBlock.each(layers.map { $0.transformerCount ?? 1 })
        }
        // diffusers reads the mid block's number from the last level, whether or not that has any.
        if down.last?.first?.transformerCount == nil {
            perBlock[perBlock.count - 1] = .all(midTransformerCount ?? 1)
        }
        configuration.transformerLayersPerBlock = .each(perBlock)
        configuration.reverseTransformerLayersPerBlock = up.map { layers in
            .each(layers.map { $0.transformerCount ?? 1 })
        }
        configuration.midBlockType =
            !hasMidBlock
            ? nil
            : midTransformerCount == nil
                ? "UNetMidBlock2D" : UNetConfiguration.midBlockWithAttention
        configuration.usesLinearProjection = tensors.contains {
            $0.key.hasSuffix(".proj_in.weight") && $0.value.shape.count == 2
        }
    }

    private func setOuterLayers(of configuration: inout UNetConfiguration) {
        func length(_ key: String, _ index: Int) -> Int? {
            tensors[key].flatMap { index < $0.shape.count ? $0.shape[index] : nil }
        }
        configuration.inputChannels =
            length("conv_in.weight", 1) ?? configuration.inputChannels
        configuration.outputChannels =
            length("conv_out.weight", 0) ?? configuration.outputChannels
        configuration.timeEmbeddingDimension = length("time_embedding.linear_1.weight", 0)
        configuration.timeConditionProjectionDimension = conditionProjection?.shape.last
    }
}
