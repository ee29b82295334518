// SPDX-License-Identifier: Apache-2.0

/// One resolution of the U-Net: its down block, its up block and what they share.
struct UNetLevel: Equatable {
    var channels: Int
    var headCount: Int
    var crossAttentionDimension: Int
    var onlyCrossAttention: Bool
    /// Whether the down block has transformers.
    var downHasAttention: Bool
    /// Whether the up block has transformers.
    var upHasAttention: Bool
    /// Transformer blocks per layer on the way down; the count is the number of layers.
    var downTransformerLayers: [Int]
    /// Transformer blocks per layer on the way up, in the order they run; one more than down.
    var upTransformerLayers: [Int]

    var layerCount: Int { downTransformerLayers.count }
}

extension UNetConfiguration {
    /// The levels from the finest to the coarsest, with every shorthand of the file expanded.
    func levels() throws(ConfigurationProblem) -> [UNetLevel] {
        let count = blockOutputChannels.count
        let layers = try layersPerBlock.resolved(count: count, key: "layers_per_block")
        let heads = try (attentionHeadCount ?? attentionHeadDimension)
            .resolved(count: count, key: "attention_head_dim")
        let dimensions =
            try crossAttentionDimension
            .resolved(count: count, key: "cross_attention_dim")
        let only = try onlyCrossAttention.resolved(count: count, key: "only_cross_attention")
        let transformers =
            try transformerLayersPerBlock
            .resolved(count: count, key: "transformer_layers_per_block")
        let reversed = try reverseTransformerLayersPerBlock.map {
            values throws(ConfigurationProblem) in
            try PerBlock.each(values)
                .resolved(count: count, key: "reverse_transformer_layers_per_block")
        }
        var levels: [UNetLevel] = []
        for index in 0..<count {
            try ConfigurationLimits.check(
                layers[index], ConfigurationLimits.layers, key: "layers_per_block")
            let upIndex = count - 1 - index
            let up = reversed?[upIndex] ?? transformers[index]
            levels.append(
                UNetLevel(
                    channels: blockOutputChannels[index], headCount: heads[index],
                    crossAttentionDimension: dimensions[index], onlyCrossAttention: only[index],
                    downHasAttention: Self.plainName(downBlockTypes[index])
                        == "CrossAttnDownBlock2D",
                    upHasAttention: Self.plainName(upBlockTypes[upIndex]) == "CrossAttnUpBlock2D",
                    downTransformerLayers: try transformers[index]
                        .resolved(count: layers[index], key: "transformer_layers_per_block"),
                    upTransformerLayers: try up.resolved(
                        count: layers[index] + 1, key: "transformer_layers_per_block")))
        }
        return levels
    }

    /// Transformer blocks of the mid block.
    func midTransformerLayers() throws(ConfigurationProblem) -> Int {
        let all = try transformerLayersPerBlock.resolved(
            count: blockOutputChannels.count, key: "transformer_layers_per_block")
        switch all.last {
        case .all(let count): return count
        case .each(let counts): return counts.first ?? 1
        case nil: return 1
        }
    }

    /// Very old files write `UNetResDownBlock2D` for `DownBlock2D`.
    static func plainName(_ type: String) -> String {
        type.hasPrefix("UNetRes") ? String(type.dropFirst("UNetRes".count)) : type
    }
}
