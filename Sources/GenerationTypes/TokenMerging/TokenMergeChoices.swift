// SPDX-License-Identifier: Apache-2.0

/// Which token of a window receives the others, as compared in the paper's Table I.
public enum TokenMergeDestination: String, Sendable, Hashable, Codable, CaseIterable {
    /// Highest average similarity in its window (ours, and the paper's).
    case representative
    /// Drawn anew at each refresh from the merging stream (Table I, "Random").
    case random
    /// Lowest average similarity (Table II, "The Least Rep. Token").
    case least
    /// The top-left token: a control without any choice.
    case first
}

/// By what the sources of a window are ranked.
public enum TokenMergeSourceRanking: String, Sendable, Hashable, Codable, CaseIterable {
    /// By average similarity in the window, as Algorithm 1 says literally.
    case average = "avg"
    /// By cosine similarity to the destination: closer to the least merge error.
    case representative = "rep"
}

/// Among which tokens those that merge are chosen.
public enum TokenMergeBudget: String, Sendable, Hashable, Codable, CaseIterable {
    /// The best of each window, the same share of all: Algorithm 1.
    case window
    /// The best of the whole map: a window that holds an edge keeps more of its tokens.
    case map
}

/// Which inputs of self-attention are merged.
public enum TokenMergeScope: String, Sendable, Hashable, Codable, CaseIterable {
    /// Queries, keys and values; the output is unmerged.
    case queriesKeysValues = "qkv"
    /// Keys and values only; every token keeps its query, nothing is unmerged.
    case keysValues = "kv"
}

/// How far apart two clusters are (ATC).
public enum TokenMergeLinkage: String, Sendable, Hashable, Codable, CaseIterable {
    /// Mean distance over all pairs (UPGMA).
    case average
    /// Distance of the farthest pair.
    case complete
    /// Distance of the nearest pair.
    case single
}

/// Whether both halves of a guided batch use one plan.
public enum TokenMergeSharing: String, Sendable, Hashable, Codable, CaseIterable {
    /// One plan, scores summed over the batch: a merge error common to both halves is not
    /// amplified by guidance.
    case shared
    /// A plan per sample.
    case perSample = "per-sample"
}

/// Which tensor the similarities are computed from.
public enum TokenMergeFeatureSource: String, Sendable, Hashable, Codable, CaseIterable {
    /// The input of self-attention, after its norm (the paper: "within attention inputs").
    case attentionInput = "attention-input"
    /// The input of the transformer block, before the norm (ToMeSD, ATC, importance).
    case hiddenStates = "hidden-states"
}

/// α of the paper's equation 2: the destination's share of the merged token.
public enum TokenMergeAlpha: Sendable, Hashable {
    /// α = 1 / (r + 1): the plain mean of destination and sources.
    case mean
    /// A fixed share, 0…1; 1 is pruning.
    case weight(Float)
}

extension TokenMergeAlpha: TokenMergeOptionValue {
    /// Reads `mean` or a number.
    public init?(parsing text: String) {
        if text == "mean" {
            self = .mean
        } else if let weight = Float(text) {
            self = .weight(weight)
        } else {
            return nil
        }
    }

    /// Takes `mean` or a number.
    public init?(mergeValue value: TokenMergeValue) {
        switch value {
        case .text("mean"): self = .mean
        case .number(let weight): self = .weight(Float(weight))
        case .whole(let weight): self = .weight(Float(weight))
        case .flag, .text, .list: return nil
        }
    }

    /// `mean`, or a number with no more digits than it takes.
    public var mergeValue: TokenMergeValue {
        switch self {
        case .mean: .text("mean")
        case .weight(let weight): .number(Double("\(weight)") ?? Double(weight))
        }
    }
}

extension TokenMergeDestination: TokenMergeOptionValue {}
extension TokenMergeSourceRanking: TokenMergeOptionValue {}
extension TokenMergeBudget: TokenMergeOptionValue {}
extension TokenMergeScope: TokenMergeOptionValue {}
extension TokenMergeLinkage: TokenMergeOptionValue {}
extension TokenMergeSharing: TokenMergeOptionValue {}
extension TokenMergeFeatureSource: TokenMergeOptionValue {}
