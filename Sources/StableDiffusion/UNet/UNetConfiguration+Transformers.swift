// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TokenMerging

// The transformer blocks of a configuration: what is known about them before any weights are
// loaded.

extension UNetConfiguration {
    /// All transformer blocks, in the order in which `UNetBuilder` creates them: stage by stage
    /// from the outermost, down before up, then the mid block.
    func transformerShapes() throws(ConfigurationProblem) -> [TransformerShape] {
        let levels = try levels()
        var shapes: [TransformerShape] = []
        for (index, level) in levels.enumerated() {
            let down = transformerShape(of: level, at: index, .down)
            let up = transformerShape(of: level, at: index, .up)
            for step in 0...level.layerCount {
                if step > 0, level.downHasAttention {
                    let count = level.downTransformerLayers[step - 1]
                    shapes += Array(repeating: down, count: count)
                }
                if level.upHasAttention {
                    let count = level.upTransformerLayers[level.layerCount - step]
                    shapes += Array(repeating: up, count: count)
                }
            }
        }
        if midBlockType == Self.midBlockWithAttention, let level = levels.last {
            let shape = transformerShape(of: level, at: levels.count - 1, .mid)
            shapes += Array(repeating: shape, count: try midTransformerLayers())
        }
        return shapes
    }

    /// The numbers that shape the transformers of one side of a level, or of the mid block below
    /// it.
    func transformerShape(
        of level: UNetLevel, at index: Int, _ stage: TokenMergeStage
    ) -> TransformerShape {
        TransformerShape(
            channels: level.channels, headCount: level.headCount,
            textChannels: level.crossAttentionDimension,
            onlyCrossAttention: level.onlyCrossAttention && stage != .mid, groupCount: groupCount,
            level: index, stage: stage)
    }

    /// The mid block that has transformers.
    static let midBlockWithAttention = "UNetMidBlock2DCrossAttn"
}

extension [TransformerShape] {
    /// The sites at which tokens can be merged, for latents of this size: one per block.
    ///
    /// - Parameter sample: `[batch, height, width, channels]`.
    func mergeSites(for sample: TensorShape) -> [TokenMergeSite] {
        let input = TokenGrid(height: sample.height, width: sample.width)
        return enumerated().map { index, block in
            // Downsamplers halve, rounded up.
            let side = 1 << block.level
            let grid = TokenGrid(
                height: (sample.height + side - 1) / side, width: (sample.width + side - 1) / side)
            return TokenMergeSite(
                index: index, grid: grid, channels: block.channels, input: input,
                stage: block.stage)
        }
    }
}
