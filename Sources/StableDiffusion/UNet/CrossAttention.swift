// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `Attention` over the text (`attn2`).
///
/// The text's keys and values don't change over the steps; `PreparedText` holds them.
final class CrossAttention: Sendable {
    private let queries: any PackedLinear
    private let keysValues: any PackedLinear
    private let output: any PackedLinear
    private let headCount: Int
    private let channels: Int
    private let activationType: ElementType
    /// Which entry of a prepared text belongs to this layer.
    let slot: Int

    init(
        channels: Int, headCount: Int, textChannels: Int, slot: Int, loader: WeightLoader
    ) throws {
        self.channels = channels
        self.headCount = headCount
        self.slot = slot
        activationType = loader.activationType
        queries = try loader.linear(
            "to_q", inputChannels: channels, outputChannels: channels, hasBias: false)
        keysValues = try loader.linear(
            joining: ["to_k", "to_v"], inputChannels: textChannels, outputChannels: channels,
            hasBias: false)
        output = try loader.linear(
            "to_out.0", inputChannels: channels, outputChannels: channels)
    }

    /// Shape of the keys and values, side by side, of a text.
    func keysValuesShape(for text: TensorShape) -> TensorShape {
        text.with(channels: 2 * channels)
    }

    /// Projects a text, `[batch, tokens, textChannels]` of the activation type.
    func prepare(_ text: Tensor, into target: Tensor, lane: ComputeLane) {
        lane.linear(keysValues, text, into: target)
    }

    /// Adds the attention of the tokens to the text to their residual.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normed, the activation type; overwritten.
    ///   - residual: likewise, f32; the result is added to it.
    func forward(
        _ tokens: Tensor, text: PreparedText, addingTo residual: Tensor, lane: ComputeLane
    ) {
        lane.workspace.scope {
            let projected = lane.workspace.tensor(tokens.shape, activationType)
            lane.linear(queries, tokens, into: projected)
            let joined = text.keysValues(slot)
            lane.attention(
                queries: projected, keys: joined.channels(0..<channels),
                values: joined.channels(channels..<2 * channels), headCount: headCount,
                scale: attentionScale(channels: channels, headCount: headCount), into: tokens)
            lane.linear(
                output, tokens, into: residual, epilogue: Epilogue(residual: residual))
        }
    }
}
