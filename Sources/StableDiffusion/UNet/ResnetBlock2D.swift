// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `ResnetBlock2D`: two normalised convolutions beside a shortcut, the timestep added
/// between them.
final class ResnetBlock2D: Sendable {
    private let norm1: GroupNorm
    private let convolution1: any PackedConvolution
    /// Returns the bias of the first convolution plus the projected timestep.
    private let timeProjection: any PackedLinear
    private let norm2: GroupNorm
    private let convolution2: any PackedConvolution
    private let shortcut: (any PackedLinear)?
    private let activation: Activation
    private let activationType: ElementType

    /// The numbers shared by all residual blocks of a network.
    struct Options {
        var groupCount: Int
        var epsilon: Float
        var activation: Activation
        /// Width of the timestep's embedding.
        var timeChannels: Int
        /// Pixels of a feature map at the model's native size.
        var usualPixelCount: Int
    }

    init(
        inputChannels: Int, outputChannels: Int, options: Options, loader: WeightLoader
    ) throws {
        activation = options.activation
        activationType = loader.activationType
        norm1 = try GroupNorm(
            "norm1", channels: inputChannels, groupCount: options.groupCount,
            epsilon: options.epsilon, loader: loader)
        convolution1 = try loader.convolution(
            "conv1",
            ConvolutionGeometry(
                inputChannels: inputChannels, outputChannels: outputChannels, kernelSize: 3),
            usualPixelCount: options.usualPixelCount)
        timeProjection = try loader.allowingInt8(false).linear(
            "time_emb_proj", inputChannels: options.timeChannels, outputChannels: outputChannels,
            extraBias: "conv1.bias")
        norm2 = try GroupNorm(
            "norm2", channels: outputChannels, groupCount: options.groupCount,
            epsilon: options.epsilon, loader: loader)
        convolution2 = try loader.convolution(
            "conv2",
            ConvolutionGeometry(
                inputChannels: outputChannels, outputChannels: outputChannels, kernelSize: 3),
            usualPixelCount: options.usualPixelCount)
        // All that the block adds to passes through it: in int8, the shortcuts would cause more than
        // half of the error.
        shortcut =
            inputChannels == outputChannels
            ? nil
            : try loader.allowingInt8(false).linear(
                "conv_shortcut", inputChannels: inputChannels, outputChannels: outputChannels)
    }

    /// Channels of the result.
    var outputChannels: Int { convolution2.geometry.outputChannels }

    /// - Parameters:
    ///   - input: `[batch, height, width, inputChannels]`, f32.
    ///   - timeEmbedding: `[1, 1, 1, timeChannels]` after the activation, the activation type.
    ///   - output: `[batch, height, width, outputChannels]`, f32; it may be `input` if the channels
    ///     are equal.
    func forward(
        _ input: Tensor, timeEmbedding: Tensor, into output: Tensor, lane: ComputeLane
    ) {
        let workspace = lane.workspace
        workspace.scope {
            let hidden = workspace.tensor(output.shape, activationType)
            workspace.scope {
                let normed = workspace.tensor(input.shape, activationType)
                norm1.forward(input, activation: activation, into: normed, lane: lane)
                let bias = timeBias(timeEmbedding, lane: lane)
                lane.convolution(
                    convolution1, normed, into: hidden, epilogue: Epilogue(bias: bias))
            }
            workspace.scope {
                guard let shortcut else { return }
                lane.linear(shortcut, lane.converted(input, to: activationType), into: output)
            }
            let normed = workspace.tensor(output.shape, activationType)
            norm2.forward(hidden, activation: activation, into: normed, lane: lane)
            let residual = shortcut == nil ? input : output
            lane.convolution(
                convolution2, normed, into: output, epilogue: Epilogue(residual: residual))
        }
    }

    /// The first convolution's bias for this timestep, in the caller's scope.
    private func timeBias(_ timeEmbedding: Tensor, lane: ComputeLane) -> Tensor {
        let shape = TensorShape(tokens: 1, channels: timeProjection.outputChannels)
        let bias = lane.workspace.tensor(shape, .float32)
        lane.linear(timeProjection, timeEmbedding, into: bias)
        return bias
    }
}
