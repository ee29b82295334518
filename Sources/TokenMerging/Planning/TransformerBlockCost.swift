// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The dimensions of a transformer block that determine its cost.
package struct TransformerBlockShape: Sendable, Hashable {
    /// N, tokens of one sample.
    package var tokenCount: Int
    /// C.
    package var channels: Int
    /// Tokens of the text, 77 in Stable Diffusion.
    package var contextTokenCount: Int
    /// Values of a text token, 768 in Stable Diffusion 1.x.
    package var contextChannels: Int

    package init(
        tokenCount: Int, channels: Int, contextTokenCount: Int = 77, contextChannels: Int = 768
    ) {
        self.tokenCount = tokenCount
        self.channels = channels
        self.contextTokenCount = contextTokenCount
        self.contextChannels = contextChannels
    }
}

/// Exact floating-point operations of one transformer block for one sample; a multiply-add counts
/// as two.
///
/// Norms, softmax, biases and activations are left out.
package struct TransformerBlockCost: Sendable, Hashable {
    /// Q, K, V and output projections of self-attention.
    package var selfProjectionFLOPs: Int
    /// QKᵀ and the weighted sum of values.
    package var selfAttentionFLOPs: Int
    /// Both projections of the queries, and of the text's keys and values.
    package var crossProjectionFLOPs: Int
    package var crossAttentionFLOPs: Int
    /// The GEGLU feed-forward layer: C → 8C, 4C → C.
    package var feedForwardFLOPs: Int

    package var totalFLOPs: Int {
        selfProjectionFLOPs + selfAttentionFLOPs + crossProjectionFLOPs + crossAttentionFLOPs
            + feedForwardFLOPs
    }

    /// The cost of a block whose maps have `mergedCount` tokens where the configuration merges
    /// them.
    ///
    /// - Parameter mergedCount: M of the block's plan; N if nothing merges.
    package init(_ block: TransformerBlockShape, mergedCount: Int, merger: TokenMerger) {
        let configuration = merger.configuration
        let (n, c) = (block.tokenCount, block.channels)
        let keys = configuration.mergesSelfAttention ? mergedCount : n
        let queries = merger.scope == .queriesKeysValues ? keys : n
        selfProjectionFLOPs = 4 * queries * c * c + 4 * keys * c * c
        selfAttentionFLOPs = 4 * queries * keys * c
        let crossQueries = configuration.mergesCrossAttention ? mergedCount : n
        let text = block.contextTokenCount
        crossProjectionFLOPs = 4 * crossQueries * c * c + 4 * text * block.contextChannels * c
        crossAttentionFLOPs = 4 * crossQueries * text * c
        let feedForwardTokens = configuration.mergesFeedForward ? mergedCount : n
        feedForwardFLOPs = 24 * feedForwardTokens * c * c
    }
}

extension TokenMerger {
    /// FLOPs saved by merging in one call, over all blocks, for one sample.
    ///
    /// - Parameter sites: the transformer blocks with their shapes.
    package func savedFLOPs(
        at sites: [(site: TokenMergeSite, block: TransformerBlockShape)]
    ) throws(TokenMergeConfigurationError) -> Int {
        var saved = 0
        for (site, block) in sites {
            let layout = try layout(at: site, sampleCount: 1)
            let whole = TransformerBlockCost(block, mergedCount: layout.tokenCount, merger: self)
            let merged = TransformerBlockCost(block, mergedCount: layout.mergedCount, merger: self)
            saved += whole.totalFLOPs - merged.totalFLOPs
        }
        return saved
    }
}
