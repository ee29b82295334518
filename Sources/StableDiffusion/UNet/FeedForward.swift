// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `FeedForward` with `GEGLU`.
final class FeedForward: Sendable {
    private let gatedProjection: any PackedLinear
    private let output: any PackedLinear
    private let activationType: ElementType

    init(channels: Int, loader: WeightLoader) throws {
        activationType = loader.activationType
        gatedProjection = try loader.linear(
            "net.0.proj", inputChannels: channels, outputChannels: 8 * channels)
        output = try loader.linear(
            "net.2", inputChannels: 4 * channels, outputChannels: channels)
    }

    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normed, the activation type.
    ///   - output: likewise, f32.
    ///   - residual: added to the result; it may be the output itself.
    func forward(_ tokens: Tensor, into output: Tensor, residual: Tensor?, lane: ComputeLane) {
        lane.workspace.scope {
            let gated = lane.workspace.tensor(
                tokens.shape.with(channels: self.output.inputChannels), activationType)
            lane.workspace.scope {
                let projected = lane.workspace.tensor(
                    tokens.shape.with(channels: gatedProjection.outputChannels), activationType)
                lane.linear(gatedProjection, tokens, into: projected)
                lane.geglu(projected, into: gated)
            }
            lane.linear(
                self.output, gated, into: output, epilogue: Epilogue(residual: residual))
        }
    }
}
