// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// diffusers' `Attention` over the tokens themselves (`attn1`); queries, keys and values come from
/// one product.
final class SelfAttention: Sendable {
    private let queriesKeysValues: any PackedLinear
    private let output: any PackedLinear
    private let headCount: Int
    private let channels: Int
    private let activationType: ElementType

    init(channels: Int, headCount: Int, hasBias: Bool = false, loader: WeightLoader) throws {
        self.channels = channels
        self.headCount = headCount
        activationType = loader.activationType
        queriesKeysValues = try loader.linear(
            joining: ["to_q", "to_k", "to_v"], inputChannels: channels, outputChannels: channels,
            hasBias: hasBias)
        output = try loader.linear(
            "to_out.0", inputChannels: channels, outputChannels: channels)
    }

    /// Adds the attention of some tokens to their residual.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normed, the activation type; overwritten.
    ///   - residual: likewise, f32; the result is added to it.
    func forward(_ tokens: Tensor, addingTo residual: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let joined = lane.workspace.tensor(
                tokens.shape.with(channels: 3 * channels), activationType)
            lane.linear(queriesKeysValues, tokens, into: joined)
            lane.attention(
                queries: joined.channels(0..<channels),
                keys: joined.channels(channels..<2 * channels),
                values: joined.channels(2 * channels..<3 * channels), headCount: headCount,
                scale: attentionScale(channels: channels, headCount: headCount), into: tokens)
            lane.linear(
                output, tokens, into: residual, epilogue: Epilogue(residual: residual))
        }
    }
}

/// 1/√d for heads of d channels.
func attentionScale(channels: Int, headCount: Int) -> Float {
    1 / Float(channels / headCount).squareRoot()
}
