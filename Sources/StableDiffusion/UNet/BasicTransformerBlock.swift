// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `BasicTransformerBlock`: self-attention, cross-attention and feed-forward, each on
/// normed tokens beside the residual stream.
final class BasicTransformerBlock: Sendable {
    /// The first attention: over the tokens, or over the text where a configuration says so.
    private enum FirstAttention {
        case tokens(SelfAttention)
        case text(CrossAttention)
    }

    private let norm1: LayerNorm
    private let attention1: FirstAttention
    private let norm2: LayerNorm
    private let attention2: CrossAttention
    private let norm3: LayerNorm
    private let feedForward: FeedForward
    private let activationType: ElementType

    init(_ shape: TransformerShape, builder: UNetBuilder, loader: WeightLoader) throws {
        activationType = loader.activationType
        norm1 = try LayerNorm("norm1", channels: shape.channels, loader: loader)
        attention1 =
            shape.onlyCrossAttention
            ? .text(try builder.crossAttention(shape, loader: loader.scoped("attn1")))
            : .tokens(
                try SelfAttention(
                    channels: shape.channels, headCount: shape.headCount,
                    loader: loader.scoped("attn1")))
        norm2 = try LayerNorm("norm2", channels: shape.channels, loader: loader)
        attention2 = try builder.crossAttention(shape, loader: loader.scoped("attn2"))
        norm3 = try LayerNorm("norm3", channels: shape.channels, loader: loader)
        feedForward = try FeedForward(channels: shape.channels, loader: loader.scoped("ff"))
    }

    /// Updates the residual stream `[batch, height, width, channels]`, f32, in place.
    func forward(_ hidden: Tensor, text: PreparedText, lane: ComputeLane) {
        lane.workspace.scope {
            let normed = lane.workspace.tensor(hidden.shape, activationType)
            norm1.forward(hidden, into: normed, lane: lane)
            attendFirst(normed, text: text, addingTo: hidden, lane: lane)
            norm2.forward(hidden, into: normed, lane: lane)
            attention2.forward(normed, text: text, addingTo: hidden, lane: lane)
            norm3.forward(hidden, into: normed, lane: lane)
            feedForward.forward(normed, addingTo: hidden, lane: lane)
        }
    }

    /// The one place where tokens meet tokens.
    private func attendFirst(
        _ normed: Tensor, text: PreparedText, addingTo hidden: Tensor, lane: ComputeLane
    ) {
        switch attention1 {
        case .tokens(let attention): attention.forward(normed, addingTo: hidden, lane: lane)
        case .text(let attention):
            attention.forward(normed, text: text, addingTo: hidden, lane: lane)
        }
    }
}
