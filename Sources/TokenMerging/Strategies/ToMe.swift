// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Token merging for Stable Diffusion (Bolya, Hoffman, CVPR 2023 workshop), as `tomesd` 0.1.3.
///
/// Destinations are drawn once per call and block and shared by both halves of a guided batch;
/// edges differ per sample. Differences: the random numbers come from the image's own merging
/// stream, ties go to the lowest index, and a zero token has similarity 0 instead of NaN.
package struct ToMe: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "tome", displayName: "ToMeSD",
        options: TokenMergeOption.common.union([.strideX, .strideY, .randomDestinations]))

    private let strideX: Int
    private let strideY: Int
    private let isRandom: Bool

    package init(configuration: TokenMergeConfiguration) {
        strideX = configuration.strideX
        strideY = configuration.strideY
        isRandom = configuration.usesRandomDestinations
    }

    /// r = ⌊N · ratio⌋, at most the number of sources.
    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) -> TokenMergeLayout {
        let count = destinationGrid(site.grid).count
        let tokenCount = site.grid.tokenCount
        let mergedCount = TokenMergeMath.count(
            tokenCount, times: ratio, atMost: tokenCount - count)
        guard count > 0, mergedCount > 0 else {
            return .identity(site.grid, sampleCount: sampleCount)
        }
        return TokenMergeLayout(
            grid: site.grid, ratio: ratio, sampleCount: sampleCount, isShared: false,
            keptCount: tokenCount - count - mergedCount, groupCount: count,
            scratchByteCount: BipartiteMatching.byteCount(
                tokenCount: tokenCount, destinationCount: count, channels: site.channels))
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        let layout = plan.layout
        let destinations = destinationGrid(layout.grid)
        var matching = BipartiteMatching(
            features, destinationCount: layout.groupCount, scratch)
        // As in `tomesd`, an unguided picture gets fixed destinations.
        let random = isRandom && context.call.isGuided ? context.random : nil
        for part in 0..<layout.partCount {
            destinations.write(to: matching.destinations, random: random)
            matching.split(destinationCount: destinations.count)
            matching.match(features, sample: part, context)
            plan.fill(part: part, alpha: .mean) { writer in
                matching.write(
                    mergedCount: layout.tokenCount - layout.mergedCount, layout: layout,
                    to: &writer)
            }
        }
    }

    private func destinationGrid(_ grid: TokenGrid) -> DestinationGrid {
        DestinationGrid(grid: grid, strideX: strideX, strideY: strideY)
    }
}
