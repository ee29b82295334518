// SPDX-License-Identifier: Apache-2.0

/// The shape of a plan: everything known before any features are.
package struct TokenMergeLayout: Sendable, Hashable {
    /// The map.
    package let grid: TokenGrid
    /// The ratio that determines the counts.
    package let ratio: Double
    /// Samples covered by the plan.
    package let sampleCount: Int
    /// 1 if all samples share their indices, otherwise `sampleCount`.
    package let partCount: Int
    /// Tokens per sample that are kept unchanged; they come first in the merged sequence.
    package let keptCount: Int
    /// Destinations per sample; they follow the kept tokens, each with its sources.
    package let groupCount: Int
    /// Scratch memory needed to make the plan, in bytes.
    package let scratchByteCount: Int

    package init(
        grid: TokenGrid, ratio: Double, sampleCount: Int, isShared: Bool, keptCount: Int,
        groupCount: Int, scratchByteCount: Int = 0
    ) {
        precondition(sampleCount > 0 && keptCount >= 0 && groupCount >= 0, "an empty plan")
        precondition(keptCount + groupCount <= grid.tokenCount, "more tokens out than in")
        self.grid = grid
        self.ratio = ratio
        self.sampleCount = sampleCount
        partCount = isShared ? 1 : sampleCount
        self.keptCount = keptCount
        self.groupCount = groupCount
        self.scratchByteCount = scratchByteCount
    }

    /// Nothing merges.
    package static func identity(_ grid: TokenGrid, sampleCount: Int) -> TokenMergeLayout {
        TokenMergeLayout(
            grid: grid, ratio: 0, sampleCount: sampleCount, isShared: true,
            keptCount: grid.tokenCount, groupCount: 0)
    }

    /// N, tokens per sample before merging.
    package var tokenCount: Int { grid.tokenCount }
    /// M, tokens per sample after merging.
    package var mergedCount: Int { keptCount + groupCount }
    /// Whether the plan changes nothing.
    package var isIdentity: Bool { mergedCount == tokenCount }
    /// Whether all samples use the same indices.
    package var isShared: Bool { partCount == 1 }

    /// The samples whose features determine one part of the plan.
    package func samples(of part: Int) -> Range<Int> {
        isShared ? 0..<sampleCount : part..<(part + 1)
    }

    /// The part of the plan that one sample uses.
    package func part(of sample: Int) -> Int { isShared ? 0 : sample }
}
