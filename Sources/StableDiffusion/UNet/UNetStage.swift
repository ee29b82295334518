// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// One rung of the U: a step on the way down, the skip that it produces, and the layer on the way
/// up that consumes the skip.
///
/// Everything deeper in the network runs between the two, so a U-Net is its stages nested in each
/// other. The skip and the result from below are halves of one tensor, and both are written in
/// place: nothing is concatenated. With four levels of two layers, as in Stable Diffusion:
///
/// ```
/// step down                              skip     layer up
/// conv_in ──────────────────────────────────────► up_blocks.3.2
/// ├ down_blocks.0.0 ────────────────────────────► up_blocks.3.1
/// ├ down_blocks.0.1 ────────────────────────────► up_blocks.3.0
/// └─┬ down_blocks.0.downsamplers.0 ─────────────► up_blocks.2.2, up_blocks.2.upsamplers.0
///   ├ down_blocks.1.0 ──────────────────────────► up_blocks.2.1
///   ├ down_blocks.1.1 ──────────────────────────► up_blocks.2.0
///   └─┬ down_blocks.1.downsamplers.0 ───────────► up_blocks.1.2, up_blocks.1.upsamplers.0
///     ├ down_blocks.2.0 ────────────────────────► up_blocks.1.1
///     ├ down_blocks.2.1 ────────────────────────► up_blocks.1.0
///     └─┬ down_blocks.2.downsamplers.0 ─────────► up_blocks.0.2, up_blocks.0.upsamplers.0
///       ├ down_blocks.3.0 ──────────────────────► up_blocks.0.1
///       └ down_blocks.3.1 ──────────────────────► up_blocks.0.0
///         mid_block, whose result arrives at the innermost
/// ```
///
/// The left side runs from top to bottom, then the right side from bottom to top.
final class UNetStage: Sendable {
    /// The step on the way down.
    enum Encoder: Sendable {
        /// The first convolution of the network; samples are passed as 2x − 1 if they are centred.
        case input(
            any PackedConvolution, activationType: ElementType, centersSample: Bool)
        /// A layer of a down block.
        case layer(UNetLayer)
        /// The end of a down block: the entry of the next level.
        case downsampler(Downsample2D)
    }

    private let encoder: Encoder
    private let skipChannels: Int
    private let arrivingChannels: Int
    private let decoder: UNetLayer
    private let upsampler: Upsample2D?
    /// diffusers' names of both steps, without `resnets` and `attentions`.
    let names: (encoder: String, decoder: String)

    /// - Parameter arrivingChannels: channels of the result from below.
    init(
        encoder: Encoder, skipChannels: Int, arrivingChannels: Int, decoder: UNetLayer,
        upsampler: Upsample2D?, names: (encoder: String, decoder: String)
    ) {
        self.encoder = encoder
        self.skipChannels = skipChannels
        self.arrivingChannels = arrivingChannels
        self.decoder = decoder
        self.upsampler = upsampler
        self.names = names
    }

    /// Memory for the result from below (first) and the skip, for an input of this stage.
    func joinedShape(for input: TensorShape) -> TensorShape {
        let grid =
            switch encoder {
            case .downsampler(let downsampler): downsampler.outputShape(for: input)
            case .input, .layer: input
            }
        return grid.with(channels: arrivingChannels + skipChannels)
    }

    /// The part of the joined tensor written by the stages below.
    func arriving(_ joined: Tensor) -> Tensor { joined.channels(0..<arrivingChannels) }

    /// The part of the joined tensor written by `encode`.
    func skip(_ joined: Tensor) -> Tensor {
        joined.channels(arrivingChannels..<arrivingChannels + skipChannels)
    }

    /// The way down.
    func encode(_ input: Tensor, into skip: Tensor, pass: UNetPass) {
        let lane = pass.lane
        switch encoder {
        case .input(let convolution, let activationType, let centersSample):
            lane.workspace.scope {
                let sample = centersSample ? centered(input, lane: lane) : input
                lane.convolution(
                    convolution, lane.converted(sample, to: activationType), into: skip)
            }
        case .layer(let layer): layer.forward(input, into: skip, pass: pass)
        case .downsampler(let downsampler): downsampler.forward(input, into: skip, lane: lane)
        }
        pass.observer?(names.encoder, skip)
    }

    /// The way up.
    func decode(_ joined: Tensor, into output: Tensor, pass: UNetPass) {
        let workspace = pass.lane.workspace
        workspace.scope {
            guard let upsampler else {
                decoder.forward(joined, into: output, pass: pass)
                pass.observer?(names.decoder, output)
                return
            }
            let hidden = workspace.tensor(
                joined.shape.with(channels: decoder.outputChannels), .float32)
            decoder.forward(joined, into: hidden, pass: pass)
            pass.observer?(names.decoder, hidden)
            upsampler.forward(hidden, into: output, lane: pass.lane)
        }
    }

    /// diffusers' `center_input_sample`.
    private func centered(_ sample: Tensor, lane: ComputeLane) -> Tensor {
        let result = lane.workspace.tensor(sample.shape, .float32)
        guard !lane.isMeasuring else { return result }
        let channels = sample.shape.channels
        for row in 0..<sample.shape.rowCount {
            for channel in 0..<channels {
                result.floats[row * channels + channel] =
                    2 * sample.floats[row * sample.rowStride + channel] - 1
            }
        }
        return result
    }
}
