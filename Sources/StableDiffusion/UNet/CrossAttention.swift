// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `Attention` over the text (`attn2`).
///
/// The text's keys and values do not change over the steps; `PreparedText` holds them.
final class CrossAttention: Sendable {
    private let queries: any PackedLinear
    private let keysValues: any PackedLinear
    private let output: any PackedLinear
    private let headCount: Int
    private let channels: Int
    private let activationType: ElementType
    /// The entry of a prepared text that belongs to this layer.
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
        // Once per prompt, and a text's states have channels of far greater magnitude than the others.
        keysValues = try loader.allowingInt8(false).linear(
            joining: ["to_k", "to_v"], inputChannels: textChannels, outputChannels: channels,
            hasBias: false)
        output = try loader.linear(
            "to_out.0", inputChannels: channels, outputChannels: channels)
    }

    /// Shape of a text's keys and values, side by side.
    func keysValuesShape(for text: TensorShape) -> TensorShape {
        text.with(channels: 2 * channels)
    }

    /// Projects a text, `[batch, tokens, textChannels]` of the activation type.
    func prepare(_ text: Tensor, into target: Tensor, lane: ComputeLane) {
        lane.linear(keysValues, text, into: target)
    }

    /// The attention of the tokens to the text.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normalised, the activation type; overwritten.
    ///   - output: likewise, f32.
    ///   - residual: added to the result; it may be the output itself.
    func forward(
        _ tokens: Tensor, text: PreparedText, into output: Tensor, residual: Tensor?,
        lane: ComputeLane
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
                self.output, tokens, into: output, epilogue: Epilogue(residual: residual))
        }
    }
}
