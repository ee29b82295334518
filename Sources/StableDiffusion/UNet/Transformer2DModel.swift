// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TokenMerging

/// The numbers that shape the transformers of one level.
struct TransformerShape {
    var channels: Int
    var headCount: Int
    var textChannels: Int
    var onlyCrossAttention: Bool
    var groupCount: Int
    /// Halvings between the network's input and this level.
    var level: Int
    /// Their position on the way through the network.
    var stage: TokenMergeStage
}

/// diffusers' `Transformer2DModel`: transformer blocks on the pixels of a feature map.
///
/// Its projections are 1×1 convolutions or products, depending on the configuration; in NHWC both
/// are the same product.
final class Transformer2DModel: Sendable {
    private let norm: GroupNorm
    private let projectionIn: any PackedLinear
    private let blocks: [BasicTransformerBlock]
    private let projectionOut: any PackedLinear
    private let activationType: ElementType

    init(
        _ shape: TransformerShape, layerCount: Int, builder: UNetBuilder, loader: WeightLoader
    ) throws {
        activationType = loader.activationType
        norm = try GroupNorm(
            "norm", channels: shape.channels, groupCount: shape.groupCount, epsilon: 1e-6,
            loader: loader)
        projectionIn = try loader.linear(
            "proj_in", inputChannels: shape.channels, outputChannels: shape.channels)
        blocks = try (0..<layerCount).map {
            try BasicTransformerBlock(
                shape, builder: builder, loader: loader.scoped("transformer_blocks", $0))
        }
        projectionOut = try loader.linear(
            "proj_out", inputChannels: shape.channels, outputChannels: shape.channels)
    }

    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`, f32.
    ///   - output: likewise; it may be `input`.
    func forward(_ input: Tensor, into output: Tensor, pass: UNetPass) {
        let lane = pass.lane
        let workspace = lane.workspace
        workspace.scope {
            let hidden = workspace.tensor(input.shape, .float32)
            workspace.scope {
                let normed = workspace.tensor(input.shape, activationType)
                norm.forward(input, into: normed, lane: lane)
                lane.linear(projectionIn, normed, into: hidden)
            }
            for block in blocks { block.forward(hidden, pass: pass) }
            lane.linear(
                projectionOut, lane.converted(hidden, to: activationType), into: output,
                epilogue: Epilogue(residual: input))
        }
    }
}
