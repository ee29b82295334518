// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// One layer of a block on the way down or up: a residual block, then a transformer if the block
/// has attention (`CrossAttnDownBlock2D`, `CrossAttnUpBlock2D`).
final class UNetLayer: Sendable {
    private let resnet: ResnetBlock2D
    private let transformer: Transformer2DModel?

    /// - Parameters:
    ///   - transformerLayers: transformer blocks; none without attention.
    ///   - index: the layer's place in the block.
    init(
        inputChannels: Int, shape: TransformerShape, transformerLayers: Int?,
        options: ResnetBlock2D.Options, index: Int, builder: UNetBuilder, loader: WeightLoader
    ) throws {
        resnet = try ResnetBlock2D(
            inputChannels: inputChannels, outputChannels: shape.channels, options: options,
            loader: loader.scoped("resnets", index))
        transformer = try transformerLayers.map {
            try Transformer2DModel(
                shape, layerCount: $0, builder: builder, loader: loader.scoped("attentions", index))
        }
    }

    /// Channels of the result.
    var outputChannels: Int { resnet.outputChannels }

    /// - Parameters:
    ///   - input: `[batch, height, width, inputChannels]`, f32.
    ///   - output: `[batch, height, width, outputChannels]`, f32.
    func forward(_ input: Tensor, into output: Tensor, pass: UNetPass) {
        guard let transformer else {
            resnet.forward(
                input, timeEmbedding: pass.timeEmbedding, into: output, lane: pass.lane)
            return
        }
        pass.lane.workspace.scope {
            let hidden = pass.lane.workspace.tensor(output.shape, .float32)
            resnet.forward(
                input, timeEmbedding: pass.timeEmbedding, into: hidden, lane: pass.lane)
            transformer.forward(hidden, into: output, pass: pass)
        }
    }
}

/// diffusers' `UNetMidBlock2DCrossAttn`, or `UNetMidBlock2D` with its one residual block.
final class UNetMidBlock: Sendable {
    private let first: ResnetBlock2D
    private let transformer: Transformer2DModel?
    private let last: ResnetBlock2D?

    /// - Parameter transformerLayers: transformer blocks; none for the block without attention.
    init(
        _ shape: TransformerShape, transformerLayers: Int?, options: ResnetBlock2D.Options,
        builder: UNetBuilder, loader: WeightLoader
    ) throws {
        func resnet(_ index: Int) throws -> ResnetBlock2D {
            try ResnetBlock2D(
                inputChannels: shape.channels, outputChannels: shape.channels, options: options,
                loader: loader.scoped("resnets", index))
        }
        first = try resnet(0)
        transformer = try transformerLayers.map {
            try Transformer2DModel(
                shape, layerCount: $0, builder: builder, loader: loader.scoped("attentions", 0))
        }
        last = transformerLayers == nil ? nil : try resnet(1)
    }

    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`, f32.
    ///   - output: likewise.
    func forward(_ input: Tensor, into output: Tensor, pass: UNetPass) {
        let lane = pass.lane
        first.forward(input, timeEmbedding: pass.timeEmbedding, into: output, lane: lane)
        guard let transformer, let last else { return }
        transformer.forward(output, into: output, pass: pass)
        last.forward(output, timeEmbedding: pass.timeEmbedding, into: output, lane: lane)
    }
}
