// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `BasicTransformerBlock`: self-attention, cross-attention and feed-forward, each on
/// normalised tokens beside the residual stream.
final class BasicTransformerBlock: Sendable {
    /// The first attention: over the tokens, or over the text if the configuration says so.
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
    /// The index of this block in the network, by which plans are kept.
    private let index: Int

    init(_ shape: TransformerShape, builder: UNetBuilder, loader: WeightLoader) throws {
        index = builder.addBlock(shape)
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
    ///
    /// Where tokens are merged, each part is x += U(part(M(norm(x)))).
    func forward(_ hidden: Tensor, pass: UNetPass) {
        let lane = pass.lane
        lane.workspace.scope {
            let normed = lane.workspace.tensor(hidden.shape, activationType)
            norm1.forward(hidden, into: normed, lane: lane)
            let merge = pass.merging?.merge(index, hidden: hidden, normed: normed, lane: lane)
            attendFirst(normed, merge: merge, addingTo: hidden, pass: pass)
            norm2.forward(hidden, into: normed, lane: lane)
            attendText(normed, merge: merge, addingTo: hidden, pass: pass)
            norm3.forward(hidden, into: normed, lane: lane)
            if let merge, merge.includes(.feedForward) {
                merge.apply(normed, addingTo: hidden, lane: lane) { tokens, output in
                    feedForward.forward(tokens, into: output, residual: nil, lane: lane)
                }
            } else {
                feedForward.forward(normed, into: hidden, residual: hidden, lane: lane)
            }
        }
    }

    /// The only place where tokens interact.
    private func attendFirst(
        _ normed: Tensor, merge: BlockMerge?, addingTo hidden: Tensor, pass: UNetPass
    ) {
        let lane = pass.lane
        switch attention1 {
        case .text(let attention):
            attention.forward(
                normed, text: pass.text, into: hidden, residual: hidden, lane: lane)
        case .tokens(let attention):
            guard let merge, merge.includes(.selfAttention) else {
                attention.forward(normed, into: hidden, residual: hidden, lane: lane)
                return
            }
            lane.workspace.scope {
                let logCounts = merge.logCounts(scale: attention.keyBiasScale, lane: lane)
                if merge.keepsQueries {
                    let others = merge.merged(normed, lane: lane)
                    attention.forward(
                        normed, attendingTo: others, logCounts: logCounts, into: hidden,
                        residual: hidden, lane: lane)
                } else {
                    merge.apply(normed, addingTo: hidden, lane: lane) { tokens, output in
                        attention.forward(
                            tokens, logCounts: logCounts, into: output, residual: nil, lane: lane)
                    }
                }
            }
        }
    }

    private func attendText(
        _ normed: Tensor, merge: BlockMerge?, addingTo hidden: Tensor, pass: UNetPass
    ) {
        let lane = pass.lane
        guard let merge, merge.includes(.crossAttention) else {
            attention2.forward(
                normed, text: pass.text, into: hidden, residual: hidden, lane: lane)
            return
        }
        merge.apply(normed, addingTo: hidden, lane: lane) { tokens, output in
            attention2.forward(tokens, text: pass.text, into: output, residual: nil, lane: lane)
        }
    }
}
