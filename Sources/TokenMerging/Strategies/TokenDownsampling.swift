// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// ToDo (Smith, Saxena, Saha, arXiv 2402.13573): keys and values on a coarser grid, taken by
/// nearest neighbour, as `torch.nn.functional.interpolate(mode="nearest")`; queries intact.
///
/// The grid determines everything: no features, no ratio, no randomness.
package struct TokenDownsampling: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "todo", displayName: "ToDo",
        options: [.maximumDownsample, .scope, .proportionalAttention, .downsampleFactor],
        scopes: [.keysValues]
    )

    private let factor: Int

    package init(configuration: TokenMergeConfiguration) { factor = configuration.downsampleFactor }

    /// One key represents f² tokens.
    package var ownRatio: Double? { 1 - 1 / (Double(factor) * Double(factor)) }

    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) -> TokenMergeLayout {
        let coarse = coarseGrid(of: site.grid)
        return TokenMergeLayout(
            grid: site.grid, ratio: ratio, sampleCount: sampleCount, isShared: true, keptCount: 0,
            groupCount: coarse.tokenCount)
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        let grid = plan.layout.grid
        let coarse = coarseGrid(of: grid)
        // α = 1: only the value of the cell's first token; the others are merely counted.
        plan.fill(part: 0, alpha: .weight(1)) { writer in
            for row in 0..<coarse.height {
                let rows = cell(row, of: coarse.height, in: grid.height)
                for column in 0..<coarse.width {
                    let columns = cell(column, of: coarse.width, in: grid.width)
                    writer.beginGroup(
                        destination: Int32(rows.lowerBound * grid.width + columns.lowerBound))
                    for y in rows {
                        for x in columns where y > rows.lowerBound || x > columns.lowerBound {
                            writer.addSource(Int32(y * grid.width + x))
                        }
                    }
                }
            }
        }
    }

    private func coarseGrid(of grid: TokenGrid) -> TokenGrid {
        TokenGrid(height: max(grid.height / factor, 1), width: max(grid.width / factor, 1))
    }

    /// The positions represented by coarse position `index`; it takes the first of them, ⌊index ·
    /// size / coarse size⌋.
    private func cell(_ index: Int, of coarseSize: Int, in size: Int) -> Range<Int> {
        (index * size / coarseSize)..<((index + 1) * size / coarseSize)
    }
}
