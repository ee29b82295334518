// SPDX-License-Identifier: Apache-2.0

// The table of merge options.
//
// To add one: a property of `TokenMergeConfiguration`, a row here with the next tag, a flag in
// `MergeOptions`, and the methods that read it (their traits).

extension TokenMergeOption {
    /// The method; the registry knows the names.
    public static let method = TokenMergeOption(
        \.method, key: "method", flag: "merge",
        .other(form: "name", description: "a method's name") { value in
            if case .text = value { true } else { false }
        }, help: "Merge similar tokens; none for the plain picture")

    /// R.
    public static let ratio = TokenMergeOption(
        \.ratio, key: "ratio", flag: "merge-ratio", .numbers(0...1),
        help: "Share of the tokens that merges")

    /// Where tokens merge.
    public static let maximumDownsample = TokenMergeOption(
        \.maximumDownsample, key: "max_downsample", flag: "merge-layers",
        .other(form: "top|2|3|all", description: "1 (top level), 2, 4 or 8 (all levels)") { value in
            [1, 2, 4, 8].contains { value == .whole($0) }
        },
        help:
            "Merge at the highest resolution with transformers, at the 2 or 3 highest, or at all")

    /// p.
    public static let period = TokenMergeOption(
        \.period, key: "period", flag: "merge-period", .wholes(1...callMax),
        help: "Steps from one plan to the next, 1 for a plan in every step")

    /// Listed refreshes.
    public static let refreshCalls = TokenMergeOption(
        \.refreshCalls, key: "refresh_calls", flag: "merge-refresh",
        .other(
            form: "0,5,12",
            description: """
                U-Net calls from 0 to \(callMax), as in --merge-refresh 0,5,12, at most \
                \(TokenMergeConfiguration.refreshCallCountMax) of them,
                """
        ) { value in
            guard case .list(let calls) = value else { return false }
            return calls.count <= TokenMergeConfiguration.refreshCallCountMax
                && calls.allSatisfy((0...callMax).contains)
        }, help: "Exactly these U-Net calls make plans, besides the first; replaces the period")

    /// What similarities are computed from.
    public static let featureSource = TokenMergeOption(
        \.featureSource, key: "feature_source", flag: "merge-features",
        .choices(TokenMergeFeatureSource.self), help: "What similarities are computed from")

    /// Which inputs of self-attention merge.
    public static let scope = TokenMergeOption(
        \.scope, key: "scope", flag: "merge-scope", .choices(TokenMergeScope.self),
        help: "Merge all of self-attention, or keys and values only")

    /// + log m.
    public static let proportionalAttention = TokenMergeOption(
        \.usesProportionalAttention, key: "proportional_attention",
        flag: "merge-proportional-attention", .flag,
        help: "Count a merged token as many in attention")

    /// Around self-attention.
    public static let selfAttention = TokenMergeOption(
        \.mergesSelfAttention, key: "merge_attn", flag: "merge-attn", .flag,
        help: "Merge around self-attention")

    /// Around cross-attention.
    public static let crossAttention = TokenMergeOption(
        \.mergesCrossAttention, key: "merge_crossattn", flag: "merge-crossattn", .flag,
        help: "Merge around cross-attention")

    /// Around the feed-forward layer.
    public static let feedForward = TokenMergeOption(
        \.mergesFeedForward, key: "merge_mlp", flag: "merge-mlp", .flag,
        help: "Merge around the feed-forward layer")

    /// Side of the windows.
    public static let window = TokenMergeOption(
        \.window, key: "window", flag: "merge-window",
        .other(
            form: "side",
            description: """
                adaptive, adaptive-literal, a side in tokens (2, 8, 16; at most \
                \(TokenMergeWindow.sideMax)), one side per level (2,4,8,8) or per stage \
                (down:2,mid:8,up:2)
                """
        ) { TokenMergeWindow(mergeValue: $0)?.isValid ?? false },
        help: """
            Side of ReToM's windows in tokens: adaptive, adaptive-literal, 2, 8, 16, one per level \
            (2,4,8,8) or per stage (down:2,mid:8,up:2/4/8); a window larger than the map is the \
            whole map
            """)

    /// α of equation 2.
    public static let alpha = TokenMergeOption(
        \.alpha, key: "alpha", flag: "merge-alpha",
        .other(form: "mean|0…1", description: "mean or a number from 0 to 1") { value in
            switch TokenMergeAlpha(mergeValue: value) {
            case .mean: true
            case .weight(let weight): (0...1).contains(weight)
            case nil: false
            }
        }, help: "The destination's share of a merged token")

    /// Which token receives the others.
    public static let destination = TokenMergeOption(
        \.destination, key: "destination", flag: "merge-destination",
        .choices(TokenMergeDestination.self),
        help: "The token of a window that receives the others")

    /// By what sources are ranked.
    public static let sourceRanking = TokenMergeOption(
        \.sourceRanking, key: "source_ranking", flag: "merge-source",
        .choices(TokenMergeSourceRanking.self),
        help: "Rank sources by average similarity, or by that to the destination")

    /// Among which tokens sources are chosen.
    public static let budget = TokenMergeOption(
        \.budget, key: "budget", flag: "merge-budget", .choices(TokenMergeBudget.self), tag: 1,
        help: "Merge the most similar tokens of each window, or of the whole map")

    /// Line 14 of Algorithm 1.
    public static let slice = TokenMergeOption(
        \.slicesSources, key: "slice", flag: "merge-slice", .flag,
        help: "Read Algorithm 1's sim[1:r] as Python does: a source less per window")

    /// Windows that move.
    public static let shift = TokenMergeOption(
        \.shiftsWindows, key: "shift_windows", flag: "merge-shift-windows", .flag,
        help: "Shift ReToM's windows by half at every other plan")

    /// Plans of the halves.
    public static let sharing = TokenMergeOption(
        \.sharing, key: "sharing", flag: "merge-sharing", .choices(TokenMergeSharing.self),
        help: "Whether the halves of a guided image share plans")

    /// Tokens per destination, across.
    public static let strideX = TokenMergeOption(
        \.strideX, key: "sx", flag: "merge-sx", .wholes(1...512),
        help: "Tokens per destination, across")

    /// Tokens per destination, down.
    public static let strideY = TokenMergeOption(
        \.strideY, key: "sy", flag: "merge-sy", .wholes(1...512),
        help: "Tokens per destination, down")

    /// Drawn destinations.
    public static let randomDestinations = TokenMergeOption(
        \.usesRandomDestinations, key: "use_rand", flag: "merge-rand", .flag,
        help: "Draw destinations")

    /// Distance between clusters.
    public static let linkage = TokenMergeOption(
        \.linkage, key: "linkage", flag: "merge-linkage", .choices(TokenMergeLinkage.self),
        help: "Distance of clusters")

    /// Important tokens.
    public static let importancePool = TokenMergeOption(
        \.importancePool, key: "importance_pool", flag: "merge-importance-pool",
        .numbers(1...1000),
        help: "Tokens to draw destinations from, as a multiple of the tokens left")

    /// Calls without importance.
    public static let importanceWarmup = TokenMergeOption(
        \.importanceWarmupCallCount, key: "importance_warmup", flag: "merge-importance-warmup",
        .wholes(0...callMax), help: "U-Net calls before importance is trusted")

    /// Cells of ToDo.
    public static let downsampleFactor = TokenMergeOption(
        \.downsampleFactor, key: "downsample_factor", flag: "merge-downsample-factor",
        .wholes(1...64), help: "Side of the cells that a key stands for, in tokens")

    /// Every option.
    public static let all = [
        method, ratio, maximumDownsample, period, refreshCalls, featureSource, scope,
        proportionalAttention, selfAttention, crossAttention, feedForward, window, alpha,
        destination, sourceRanking, budget, slice, shift, sharing, strideX, strideY,
        randomDestinations, linkage, importancePool, importanceWarmup, downsampleFactor,
    ]

    /// The highest index of a U-Net call that an option may name.
    private static let callMax = 65_535
}
