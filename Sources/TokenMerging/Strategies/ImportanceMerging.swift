// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Importance-based token merging (Wu, Xu, Le, Samaras, ICCV 2025): tokens changed little by
/// guidance merge first.
///
/// Important tokens form a pool of 1.4 · (N − r); a quarter of N, drawn from the pool, are
/// destinations, shared by both halves; tokens outside the pool are merged before all others. The
/// first calls, whose importance is not informative, match like ToMeSD but prune instead of
/// averaging.
package struct ImportanceMerging: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "importance", displayName: "Importance",
        options: TokenMergeOption.common.union([
            .strideX, .strideY, .randomDestinations, .importancePool, .importanceWarmup,
        ]),
        needsGuidance: true)

    private let strideX: Int
    private let strideY: Int
    private let pool: Double
    private let warmupCallCount: Int
    private let isRandom: Bool

    /// Share of the tokens that are destinations.
    private static let destinationShare = 0.25
    /// Larger than any cosine: lifts tokens outside the pool above all others.
    private static let unimportantBonus = 100_000.0

    package init(configuration: TokenMergeConfiguration) {
        strideX = configuration.strideX
        strideY = configuration.strideY
        pool = configuration.importancePool
        warmupCallCount = configuration.importanceWarmupCallCount
        isRandom = configuration.usesRandomDestinations
    }

    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) -> TokenMergeLayout {
        let tokenCount = site.grid.tokenCount
        let groupCount = max(destinationCount(tokenCount), destinationGrid(site.grid).count)
        let mergedCount = TokenMergeMath.count(
            tokenCount, times: ratio, atMost: tokenCount - groupCount)
        guard destinationCount(tokenCount) > 0, destinationGrid(site.grid).count > 0,
            mergedCount > 0
        else { return .identity(site.grid, sampleCount: sampleCount) }
        return TokenMergeLayout(
            grid: site.grid, ratio: ratio, sampleCount: sampleCount, isShared: false,
            keptCount: tokenCount - groupCount - mergedCount, groupCount: groupCount,
            scratchByteCount: BipartiteMatching.byteCount(
                tokenCount: tokenCount, destinationCount: groupCount, channels: site.channels)
                + TokenMergeScratch.byteCount(Double.self, tokenCount)
                + TokenMergeScratch.byteCount(Int32.self, tokenCount))
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        let layout = plan.layout
        var matching = BipartiteMatching(
            features, destinationCount: layout.groupCount, scratch)
        let heat = scratch.take(Double.self, layout.tokenCount)
        let order = scratch.take(Int32.self, layout.tokenCount)
        let importance = context.call.index < warmupCallCount ? nil : context.importance
        for part in 0..<layout.partCount {
            var threshold = -Double.infinity
            if let importance {
                importance.write(resizedTo: layout.grid, to: heat)
                threshold = drawDestinations(&matching, heat, order, layout, context.random)
            } else {
                let grid = destinationGrid(layout.grid)
                grid.write(to: matching.destinations, random: isRandom ? context.random : nil)
                matching.split(destinationCount: grid.count)
            }
            matching.match(features, sample: part, context)
            if importance != nil {
                for index in 0..<matching.sourceCount {
                    let token = Int(matching.sources[index])
                    if heat[token] < threshold {
                        matching.scores[token] += Self.unimportantBonus
                    }
                }
            }
            plan.fill(part: part, alpha: importance == nil ? .weight(1) : .mean) { writer in
                matching.write(
                    mergedCount: layout.tokenCount - layout.mergedCount, layout: layout,
                    to: &writer)
            }
        }
    }

    /// Draws the destinations from the most important tokens without replacement: those whose own
    /// random numbers are highest.
    ///
    /// A number belongs to a token, not to a rank: if rounding moves a token in or out of the pool,
    /// all others are drawn as before.
    ///
    /// - Returns: the importance of the least important token of the pool.
    private func drawDestinations(
        _ matching: inout BipartiteMatching, _ heat: UnsafePointer<Double>,
        _ order: UnsafeMutablePointer<Int32>, _ layout: TokenMergeLayout,
        _ random: TokenMergeRandom
    ) -> Double {
        let count = destinationCount(layout.tokenCount)
        for token in 0..<layout.tokenCount { order[token] = Int32(token) }
        rankTokens(order, count: layout.tokenCount, scores: heat)
        let wanted = TokenMergeMath.count(
            layout.mergedCount, times: pool, atMost: layout.tokenCount)
        let poolCount = max(wanted, count)
        let threshold = heat[Int(order[poolCount - 1])]
        // Matching overwrites them with scores.
        let lots = matching.scores
        for index in 0..<poolCount {
            let token = Int(order[index])
            lots[token] = Double(random.bits(token) >> 11)
        }
        rankTokens(order, count: poolCount, scores: lots)
        for index in 0..<count { matching.destinations[index] = order[index] }
        matching.split(destinationCount: count)
        return threshold
    }

    private func destinationCount(_ tokenCount: Int) -> Int {
        TokenMergeMath.count(tokenCount, times: Self.destinationShare, atMost: tokenCount)
    }

    private func destinationGrid(_ grid: TokenGrid) -> DestinationGrid {
        DestinationGrid(grid: grid, strideX: strideX, strideY: strideY)
    }
}
