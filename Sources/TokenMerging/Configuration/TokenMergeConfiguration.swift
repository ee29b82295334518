// SPDX-License-Identifier: Apache-2.0

/// Everything that decides which tokens merge, with ToMeSD's names where it has them.
///
/// `nil` means "as the method itself does"; `TokenMerger` gives the value in force.
package struct TokenMergeConfiguration: Sendable, Hashable {
    /// Name of a strategy in the registry: `retom`, `tome`, `atc`, `importance`, `todo` or `none`.
    package var method = "retom"
    /// R: share of the tokens that merges into others, 0…1.
    ///
    /// ToMeSD's `ratio`.
    package var ratio = 0.5
    /// How the ratio changes over the U-Net calls.
    package var ratioSchedule = TokenMergeRatioSchedule()
    /// Merge only where the map is downsampled at most this much (1, 2, 4, 8); `max_downsample`.
    package var maximumDownsample = 1
    /// p: a plan is made anew when the index of the U-Net call is a multiple of it.
    package var period: Int?
    /// Exactly these calls refresh, and the first; replaces the period.
    package var refreshCalls: [Int]?
    /// What similarities are computed from.
    package var featureSource: TokenMergeFeatureSource?
    /// Which inputs of self-attention are merged.
    package var scope: TokenMergeScope?
    /// Whether the halves of a guided batch share a plan (ReToM).
    package var sharing = TokenMergeSharing.shared
    /// Whether a key that stands for m tokens gets + log m on its logits.
    package var usesProportionalAttention = false
    /// Merge around self-attention.
    ///
    /// ToMeSD's `merge_attn`.
    package var mergesSelfAttention = true
    /// Merge around cross-attention.
    ///
    /// ToMeSD's `merge_crossattn`.
    package var mergesCrossAttention = false
    /// Merge around the feed-forward layer.
    ///
    /// ToMeSD's `merge_mlp`.
    package var mergesFeedForward = false

    /// Side of the windows (ReToM).
    package var window = TokenMergeWindow.adaptive
    /// α of equation 2 (ReToM).
    package var alpha = TokenMergeAlpha.mean
    /// Which token of a window receives the others (ReToM).
    package var destination = TokenMergeDestination.representative
    /// By what sources are ranked (ReToM).
    package var sourceRanking = TokenMergeSourceRanking.average
    /// Whether every second refresh shifts the windows by half their side, cyclically (ReToM).
    package var shiftsWindows = false
    /// How merged tokens are spread over the windows (ReToM).
    package var budget = TokenMergeBudget.uniform

    /// Tokens per destination, horizontally.
    ///
    /// ToMeSD's `sx`.
    package var strideX = 2
    /// Tokens per destination, vertically.
    ///
    /// ToMeSD's `sy`.
    package var strideY = 2
    /// Whether destinations are drawn (else: top-left of each cell).
    ///
    /// ToMeSD's `use_rand`.
    package var usesRandomDestinations = true
    /// Distance between clusters (ATC).
    package var linkage = TokenMergeLinkage.average
    /// Important tokens that are kept in the game, as a multiple of the tokens left (importance).
    package var importancePool = 1.4
    /// U-Net calls before the importance map is trusted (importance).
    package var importanceWarmupCallCount = 2
    /// Side of the cells that one key stands for (ToDo).
    package var downsampleFactor = 2

    /// The defaults: ReToM at R = 0.5, p = 5, on the highest resolution.
    package init() {}

    /// The defaults with another method.
    package init(method: String) { self.method = method }

    /// The ratio at one U-Net call.
    package func ratio(at call: TokenMergeCall) -> Double {
        ratioSchedule.ratio(start: ratio, callIndex: call.index, callCount: call.count)
    }
}

/// Named bundles of settings, the value of `--merge-profile`.
package enum TokenMergeProfile: String, Sendable, Hashable, Codable, CaseIterable {
    /// What the paper describes: every layer, no extension.
    case paper
    /// Most tokens merged for the least loss: three quarters of the top level.
    case fast
    /// Closest to the unmerged picture: keys and values only, fresh plans.
    case quality

    /// The settings of the profile, all of them ReToM's.
    package var configuration: TokenMergeConfiguration {
        var configuration = TokenMergeConfiguration()
        switch self {
        case .paper:
            configuration.maximumDownsample = 8
        case .fast:
            configuration.ratio = 0.75
            configuration.usesProportionalAttention = true
        case .quality:
            configuration.scope = .keysValues
            configuration.period = 3
            configuration.sourceRanking = .representative
            configuration.usesProportionalAttention = true
        }
        return configuration
    }
}
