// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TokenMerging

/// Creates the parts of a U-Net and numbers its cross-attention layers.
final class UNetBuilder {
    private let configuration: UNetConfiguration
    private let loader: WeightLoader
    private let levels: [UNetLevel]
    /// All cross-attention layers so far, by slot.
    private(set) var crossAttentions: [CrossAttention] = []
    /// All transformer blocks so far, by index.
    private(set) var blocks: [TransformerShape] = []

    init(_ configuration: UNetConfiguration, loader: WeightLoader) throws {
        self.configuration = configuration
        self.loader = loader
        levels = try configuration.levels()
    }

    /// A cross-attention layer with the next slot.
    func crossAttention(
        _ shape: TransformerShape, loader: WeightLoader
    ) throws -> CrossAttention {
        let layer = try CrossAttention(
            channels: shape.channels, headCount: shape.headCount,
            textChannels: shape.textChannels, slot: crossAttentions.count, loader: loader)
        crossAttentions.append(layer)
        return layer
    }

    /// The next transformer block's index.
    func addBlock(_ shape: TransformerShape) -> Int {
        blocks.append(shape)
        return blocks.count - 1
    }

    /// All stages from the outermost to the innermost.
    ///
    /// At each level the entry (the first convolution or a downsampler) and every layer of the down
    /// block produce one skip; the up block takes them in reverse order.
    func stages() throws -> [UNetStage] {
        var stages: [UNetStage] = []
        for index in levels.indices {
            for step in 0...levels[index].layerCount {
                stages.append(try stage(level: index, step: step))
            }
        }
        return stages
    }

    /// The mid block, if the configuration has one.
    func midBlock() throws -> UNetMidBlock? {
        guard let type = configuration.midBlockType, let level = levels.last else { return nil }
        return try UNetMidBlock(
            configuration.transformerShape(
                of: level, at: levels.count - 1, .mid),
            transformerLayers: type == UNetConfiguration.midBlockWithAttention
                ? try configuration.midTransformerLayers() : nil,
            options: resnetOptions(level: levels.count - 1), builder: self,
            loader: loader.scoped("mid_block"))
    }

    private func resnetOptions(level: Int) -> ResnetBlock2D.Options {
        ResnetBlock2D.Options(
            groupCount: configuration.groupCount, epsilon: configuration.normEpsilon,
            activation: configuration.activation,
            timeChannels: configuration.timeEmbeddingChannels,
            usualPixelCount: usualPixelCount(level: level))
    }

    /// Pixels of a level's feature maps at the model's native size.
    private func usualPixelCount(level: Int) -> Int {
        // Stable Diffusion's, if the file does not say.
        let grid = configuration.sampleGrid ?? (64, 64)
        return max(grid.height >> level, 1) * max(grid.width >> level, 1)
    }

    /// Step 0 is the entry of the level, step j its layer j − 1.
    private func stage(level index: Int, step: Int) throws -> UNetStage {
        let level = levels[index]
        let upIndex = levels.count - 1 - index
        let upLoader = loader.scoped("up_blocks", upIndex)
        let upLayer = level.layerCount - step
        let encoder = try encoder(level: index, step: step)
        let skipChannels = step > 0 || index == 0 ? level.channels : levels[index - 1].channels
        let arriving = upLayer == 0 && upIndex > 0 ? levels[index + 1].channels : level.channels
        let decoder = try UNetLayer(
            inputChannels: arriving + skipChannels,
            shape: configuration.transformerShape(of: level, at: index, .up),
            transformerLayers: level.upHasAttention ? level.upTransformerLayers[upLayer] : nil,
            options: resnetOptions(level: index), index: upLayer, builder: self, loader: upLoader)
        let upsampler =
            step == 0 && index > 0
            ? try Upsample2D(
                channels: level.channels, usualPixelCount: usualPixelCount(level: index - 1),
                loader: upLoader.scoped("upsamplers", 0))
            : nil
        return UNetStage(
            encoder: encoder, skipChannels: skipChannels, arrivingChannels: arriving,
            decoder: decoder, upsampler: upsampler,
            names: names(level: index, step: step, upIndex: upIndex, upLayer: upLayer))
    }

    private func encoder(level index: Int, step: Int) throws -> UNetStage.Encoder {
        let level = levels[index]
        if step > 0 {
            return .layer(
                try UNetLayer(
                    inputChannels: step == 1 && index > 0
                        ? levels[index - 1].channels : level.channels,
                    shape: configuration.transformerShape(of: level, at: index, .down),
                    transformerLayers: level.downHasAttention
                        ? level.downTransformerLayers[step - 1] : nil,
                    options: resnetOptions(level: index), index: step - 1, builder: self,
                    loader: loader.scoped("down_blocks", index)))
        }
        if index > 0 {
            return .downsampler(
                try Downsample2D(
                    channels: levels[index - 1].channels,
                    loader: loader.scoped("down_blocks", index - 1).scoped("downsamplers", 0)))
        }
        let geometry = ConvolutionGeometry(
            inputChannels: configuration.inputChannels, outputChannels: level.channels,
            kernelSize: configuration.inputKernelSize)
        return .input(
            try loader.allowingInt8(false).convolution("conv_in", geometry),
            activationType: loader.activationType,
            centersSample: configuration.centersInputSample)
    }

    private func names(
        level: Int, step: Int, upIndex: Int, upLayer: Int
    ) -> (encoder: String, decoder: String) {
        let encoder =
            if step > 0 {
                "down_blocks.\(level).\(step - 1)"
            } else if level > 0 {
                "down_blocks.\(level - 1).downsamplers.0"
            } else {
                "conv_in"
            }
        return (encoder, "up_blocks.\(upIndex).\(upLayer)")
    }
}
