// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `Downsample2D`: a convolution with stride 2.
final class Downsample2D: Sendable {
    private let convolution: any PackedConvolution
    private let activationType: ElementType

    init(channels: Int, loader: WeightLoader) throws {
        activationType = loader.activationType
        convolution = try loader.convolution(
            "conv",
            ConvolutionGeometry(
                inputChannels: channels, outputChannels: channels, kernelSize: 3, stride: 2))
    }

    /// The grid of the result: half the size, rounded up.
    func outputShape(for input: TensorShape) -> TensorShape {
        convolution.geometry.outputShape(for: input)
    }

    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`, f32.
    ///   - output: of `outputShape(for:)`, f32.
    func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let converted = lane.converted(input, to: activationType)
            lane.convolution(convolution, converted, into: output)
        }
    }
}

/// diffusers' `Upsample2D`: nearest-neighbour resize to the output's grid, then a convolution.
///
/// The output's grid need not be twice the input's: if a side was odd on the way down it is one
/// less, as with diffusers' `upsample_size`.
final class Upsample2D: Sendable {
    private let convolution: any PackedConvolution
    private let activationType: ElementType

    /// - Parameter usualPixelCount: of the output, at the model's native size.
    init(channels: Int, usualPixelCount: Int, loader: WeightLoader) throws {
        activationType = loader.activationType
        convolution = try loader.convolution(
            "conv",
            ConvolutionGeometry(inputChannels: channels, outputChannels: channels, kernelSize: 3),
            usualPixelCount: usualPixelCount)
    }

    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`, f32.
    ///   - output: `[batch, height', width', channels]`, f32.
    func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let resized = lane.workspace.tensor(output.shape, activationType)
            lane.resizeNearest(input, into: resized)
            lane.convolution(convolution, resized, into: output)
        }
    }
}
