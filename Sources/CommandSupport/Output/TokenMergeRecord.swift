// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What merging tokens came to in one image, as the report has it.
package struct TokenMergeRecord: Sendable, Equatable, Codable {
    /// Plans made from features.
    package var plansComputed: Int
    /// Uses of an earlier plan.
    package var plansReused: Int
    /// Tokens that entered merged blocks, over all calls and both halves.
    package var tokensBefore: Int
    /// Tokens that were left of them.
    package var tokensAfter: Int
    /// Bytes of plans held while the image was sampled.
    package var planByteCount: Int
    /// Bytes of memory for making them.
    package var scratchByteCount: Int

    private enum CodingKeys: String, CodingKey {
        case plansComputed = "plans_computed"
        case plansReused = "plans_reused"
        case tokensBefore = "tokens_before"
        case tokensAfter = "tokens_after"
        case planByteCount = "plan_bytes"
        case scratchByteCount = "scratch_bytes"
    }

    /// The record of an image; none where nothing was merged.
    package init?(_ statistics: TokenMergeStatistics) {
        guard statistics != TokenMergeStatistics() else { return nil }
        plansComputed = statistics.computedPlanCount
        plansReused = statistics.reusedPlanCount
        tokensBefore = statistics.tokenCountBefore
        tokensAfter = statistics.tokenCountAfter
        planByteCount = statistics.byteCount
        scratchByteCount = statistics.scratchByteCount
    }
}
