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

    /// Nothing counted yet.
    public init() {}
}
