// SPDX-License-Identifier: Apache-2.0

/// JSON with ToMeSD's key names; a missing key keeps its default, bad values are refused.
extension TokenMergeConfiguration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case method, ratio, period, scope, sharing, window, alpha, destination, linkage
        case maximumDownsample = "max_downsample"
        case refreshCalls = "refresh_calls"
        case featureSource = "feature_source"
        case usesProportionalAttention = "proportional_attention"
        case mergesSelfAttention = "merge_attn"
        case mergesCrossAttention = "merge_crossattn"
        case mergesFeedForward = "merge_mlp"
        case sourceRanking = "source_ranking"
        case slicesSources = "slice"
        case shiftsWindows = "shift_windows"
        case strideX = "sx"
        case strideY = "sy"
        case usesRandomDestinations = "use_rand"
        case importancePool = "importance_pool"
        case importanceWarmupCallCount = "importance_warmup"
        case downsampleFactor = "downsample_factor"
    }

    /// Every key, for readers that refuse others.
    public static var keys: [String] { CodingKeys.allCases.map(\.rawValue) }

    /// Reads a configuration and checks its values; the method's name is `TokenMerger`'s to check.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
            if let found = try container.decodeIfPresent(Value.self, forKey: key) { value = found }
        }
        try read(.method, &method)
        try read(.ratio, &ratio)
        try read(.maximumDownsample, &maximumDownsample)
        period = try container.decodeIfPresent(Int.self, forKey: .period)
        refreshCalls = try container.decodeIfPresent([Int].self, forKey: .refreshCalls)
        featureSource = try container.decodeIfPresent(
            TokenMergeFeatureSource.self, forKey: .featureSource)
        scope = try container.decodeIfPresent(TokenMergeScope.self, forKey: .scope)
        try read(.sharing, &sharing)
        try read(.usesProportionalAttention, &usesProportionalAttention)
        try read(.mergesSelfAttention, &mergesSelfAttention)
        try read(.mergesCrossAttention, &mergesCrossAttention)
        try read(.mergesFeedForward, &mergesFeedForward)
        try read(.window, &window)
        try read(.alpha, &alpha)
        try read(.destination, &destination)
        try read(.sourceRanking, &sourceRanking)
        try read(.slicesSources, &slicesSources)
        try read(.shiftsWindows, &shiftsWindows)
        try read(.strideX, &strideX)
        try read(.strideY, &strideY)
        try read(.usesRandomDestinations, &usesRandomDestinations)
        try read(.linkage, &linkage)
        try read(.importancePool, &importancePool)
        try read(.importanceWarmupCallCount, &importanceWarmupCallCount)
        try read(.downsampleFactor, &downsampleFactor)
        try validateRanges()
    }

    /// Writes every value in force; what follows the method stays out.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(method, forKey: .method)
        try container.encode(ratio, forKey: .ratio)
        try container.encode(maximumDownsample, forKey: .maximumDownsample)
        try container.encodeIfPresent(period, forKey: .period)
        try container.encodeIfPresent(refreshCalls, forKey: .refreshCalls)
        try container.encodeIfPresent(featureSource, forKey: .featureSource)
        try container.encodeIfPresent(scope, forKey: .scope)
        try container.encode(sharing, forKey: .sharing)
        try container.encode(usesProportionalAttention, forKey: .usesProportionalAttention)
        try container.encode(mergesSelfAttention, forKey: .mergesSelfAttention)
        try container.encode(mergesCrossAttention, forKey: .mergesCrossAttention)
        try container.encode(mergesFeedForward, forKey: .mergesFeedForward)
        try container.encode(window, forKey: .window)
        try container.encode(alpha, forKey: .alpha)
        try container.encode(destination, forKey: .destination)
        try container.encode(sourceRanking, forKey: .sourceRanking)
        try container.encode(slicesSources, forKey: .slicesSources)
        try container.encode(shiftsWindows, forKey: .shiftsWindows)
        try container.encode(strideX, forKey: .strideX)
        try container.encode(strideY, forKey: .strideY)
        try container.encode(usesRandomDestinations, forKey: .usesRandomDestinations)
        try container.encode(linkage, forKey: .linkage)
        try container.encode(importancePool, forKey: .importancePool)
        try container.encode(importanceWarmupCallCount, forKey: .importanceWarmupCallCount)
        try container.encode(downsampleFactor, forKey: .downsampleFactor)
    }
}
