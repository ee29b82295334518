// SPDX-License-Identifier: Apache-2.0

/// What merging did for one image.
public struct TokenMergeStatistics: Sendable, Hashable, Codable {
    /// Plans made from features.
    public var computedPlanCount = 0
    /// Calls of blocks that used an earlier plan.
    public var reusedPlanCount = 0
    /// Tokens that entered merged blocks, over all calls and samples.
    public var tokenCountBefore = 0
    /// Tokens that were left of them.
    public var tokenCountAfter = 0
    /// Bytes of indices held.
    public var byteCount = 0
    /// Bytes of working memory held.
    public var scratchByteCount = 0

    /// The keys of `report.json` and `run.sqlite`.
    private enum CodingKeys: String, CodingKey {
        case computedPlanCount = "plans_computed"
        case reusedPlanCount = "plans_reused"
        case tokenCountBefore = "tokens_before"
        case tokenCountAfter = "tokens_after"
        case byteCount = "plan_bytes"
        case scratchByteCount = "scratch_bytes"
    }

    /// Nothing counted yet.
    public init() {}
}
