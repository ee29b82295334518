// SPDX-License-Identifier: Apache-2.0

/// Everything that decides which tokens merge, with ToMeSD's names where it has them.
///
/// `nil` means "as the method itself does"; `TokenMerger` gives the value in force.
public struct TokenMergeConfiguration: Sendable, Hashable {
    /// Name of a strategy in the registry: `retom`, `tome`, `atc`, `importance`, `todo` or `none`.
    public var method = "retom"
    /// R: share of the tokens that merges into others, 0…1.
    ///
    /// ToMeSD's `ratio`.
    public var ratio = 0.5
    /// Merge only where the map is downsampled at most this much (1, 2, 4, 8) from the finest one
    /// with transformers; ToMeSD's `max_downsample`, which counts from the network's input.
    public var maximumDownsample = 1
    /// p: a plan is made anew when the index of the U-Net call is a multiple of it.
    public var period: Int?
    /// Exactly these calls refresh, and the first; replaces the period.
    public var refreshCalls: [Int]?
    /// What similarities are computed from.
    public var featureSource: TokenMergeFeatureSource?
    /// Which inputs of self-attention are merged.
    public var scope: TokenMergeScope?
    /// Whether the halves of a guided batch share a plan (ReToM).
    public var sharing = TokenMergeSharing.shared
    /// Whether a key that stands for m tokens gets + log m on its logits.
    public var usesProportionalAttention = false
    /// Merge around self-attention.
    ///
    /// ToMeSD's `merge_attn`.
    public var mergesSelfAttention = true
    /// Merge around cross-attention.
    ///
    /// ToMeSD's `merge_crossattn`.
    public var mergesCrossAttention = false
    /// Merge around the feed-forward layer.
    ///
    /// ToMeSD's `merge_mlp`.
    public var mergesFeedForward = false

    /// Side of the windows (ReToM).
    public var window = TokenMergeWindow.adaptive
    /// α of equation 2 (ReToM).
    public var alpha = TokenMergeAlpha.mean
    /// Which token of a window receives the others (ReToM).
    public var destination = TokenMergeDestination.representative
    /// By what sources are ranked (ReToM).
    public var sourceRanking = TokenMergeSourceRanking.average
    /// Among which tokens sources are chosen (ReToM).
    ///
    /// Not in the paper; `window` is.
    public var budget = TokenMergeBudget.window
    /// Whether line 14 of Algorithm 1, `sim[1 : r]`, is read as Python reads it: r − 1 sources
    /// (ReToM).
    ///
    /// For studies of the paper; its text and figures say r sources.
    public var slicesSources = false
    /// Whether every second refresh shifts the windows by half their side, cyclically (ReToM).
    ///
    /// Not in the paper; it keeps the same tokens from merging in every step.
    public var shiftsWindows = true

    /// Tokens per destination, horizontally.
    ///
    /// ToMeSD's `sx`.
    public var strideX = 2
    /// Tokens per destination, vertically.
    ///
    /// ToMeSD's `sy`.
    public var strideY = 2
    /// Whether destinations are drawn (else: top-left of each cell).
    ///
    /// ToMeSD's `use_rand`.
    public var usesRandomDestinations = true
    /// Distance between clusters (ATC).
    public var linkage = TokenMergeLinkage.average
    /// Important tokens that are kept in the game, as a multiple of the tokens left (importance).
    public var importancePool = 1.4
    /// U-Net calls before the importance map is trusted (importance).
    public var importanceWarmupCallCount = 2
    /// Side of the cells that one key stands for (ToDo).
    public var downsampleFactor = 2

    /// The default of the command line, of settings and of requests alike: ReToM at R = 0.5,
    /// p = 5, on the highest resolution with transformers.
    ///
    /// What merges nothing says so: `.none`.
    public init() {}

    /// The default with another method.
    public init(method: String) { self.method = method }

    /// Plain Stable Diffusion: every token stays.
    public static let none = TokenMergeConfiguration(method: "none")

    /// Whether anything may merge.
    public var isOn: Bool { method != Self.none.method }

    /// Method and ratio for people, `retom 0.5`.
    public var summary: String { isOn ? "\(method) \(ratio)" : method }
}

/// Named bundles of settings, the value of `--merge-profile`.
public enum TokenMergeProfile: String, Sendable, Hashable, Codable, CaseIterable {
    /// What the paper describes: every layer, no extension.
    case paper
    /// The defaults with three quarters of the tokens merged.
    case fast
    /// Closest to the unmerged picture: every token keeps its query, plans are fresher.
    case quality

    /// The settings of the profile, all of them ReToM's.
    public var configuration: TokenMergeConfiguration {
        var configuration = TokenMergeConfiguration()
        switch self {
        case .paper:
            configuration.maximumDownsample = 8
            configuration.shiftsWindows = false
        case .fast:
            configuration.ratio = 0.75
        case .quality:
            configuration.scope = .keysValues
            configuration.period = 3
            configuration.usesProportionalAttention = true
        }
        return configuration
    }
}
