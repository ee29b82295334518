// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `Attention` over the tokens themselves (`attn1`).
///
/// Queries have a separate product, because merging may leave fewer keys than queries.
final class SelfAttention: Sendable {
    private let queries: any PackedLinear
    private let keysValues: any PackedLinear
    private let output: any PackedLinear
    private let headCount: Int
    private let channels: Int
    private let activationType: ElementType
    private let int8: Int8InstructionSet?

    init(channels: Int, headCount: Int, hasBias: Bool = false, loader: WeightLoader) throws {
        self.channels = channels
        self.headCount = headCount
        activationType = loader.activationType
        int8 = loader.attentionInt8
        queries = try loader.linear(
            "to_q", inputChannels: channels, outputChannels: channels, hasBias: hasBias)
        keysValues = try loader.linear(
            joining: ["to_k", "to_v"], inputChannels: channels, outputChannels: channels,
            hasBias: hasBias)
        output = try loader.linear(
            "to_out.0", inputChannels: channels, outputChannels: channels)
    }

    /// The attention of some tokens to themselves, or to others that represent them.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normalised, the activation type; overwritten.
    ///   - others: if not the tokens themselves, `[batch, others, channels]`, likewise.
    ///   - logCounts: logarithms of how many tokens each key represents, `[others]`, times
    ///     `keyBiasScale`.
    ///   - output: `[batch, tokens, channels]`, f32.
    ///   - residual: added to the result; it may be the output itself.
    func forward(
        _ tokens: Tensor, attendingTo others: Tensor? = nil,
        logCounts: UnsafePointer<Float>? = nil, into output: Tensor, residual: Tensor?,
        lane: ComputeLane
    ) {
        lane.workspace.scope {
            let projected = lane.workspace.tensor(tokens.shape, activationType)
            lane.linear(queries, tokens, into: projected)
            let keyTokens = others ?? tokens
            let joined = lane.workspace.tensor(
                keyTokens.shape.with(channels: 2 * channels), activationType)
            lane.linear(keysValues, keyTokens, into: joined)
            lane.attention(
                queries: projected, keys: joined.channels(0..<channels),
                values: joined.channels(channels..<2 * channels), headCount: headCount,
                scale: attentionScale(channels: channels, headCount: headCount),
                keyBias: logCounts, int8: int8, into: tokens)
            lane.linear(
                self.output, tokens, into: output, epilogue: Epilogue(residual: residual))
        }
    }

    /// The factor applied to a bias on the logits, which the kernel scales later: √d.
    var keyBiasScale: Float { 1 / attentionScale(channels: channels, headCount: headCount) }
}

/// 1/√d for heads of d channels.
func attentionScale(channels: Int, headCount: Int) -> Float {
    1 / Float(channels / headCount).squareRoot()
}
