// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import GenerationTypes
internal import TokenMerging

// What is given but has no effect is refused: whoever gives it expects one.

extension MergeOptions {
    /// The options that were given, by what they set.
    private var given: [(flag: String, option: TokenMergeOption)] {
        let all: [(String, Bool, TokenMergeOption)] = [
            ("--merge-ratio", mergeRatio != nil, .ratio),
            ("--merge-layers", mergeLayers != nil, .layers),
            ("--merge-period", mergePeriod != nil, .refreshes),
            ("--merge-refresh", mergeRefresh != nil, .refreshes),
            ("--merge-features", mergeFeatures != nil, .features),
            ("--merge-scope", mergeScope != nil, .scope),
            (
                "--merge-proportional-attention", mergeProportionalAttention != nil,
                .proportionalAttention
            ),
            ("--merge-attn", mergeAttn != nil, .modules),
            ("--merge-crossattn", mergeCrossattn != nil, .modules),
            ("--merge-mlp", mergeMlp != nil, .modules),
            ("--merge-window", mergeWindow != nil, .window),
            ("--merge-alpha", mergeAlpha != nil, .alpha),
            ("--merge-destination", mergeDestination != nil, .destination),
            ("--merge-source", mergeSource != nil, .sourceRanking),
            ("--merge-slice", mergeSlice != nil, .slice),
            ("--merge-shift-windows", mergeShiftWindows != nil, .shift),
            ("--merge-sharing", mergeSharing != nil, .sharing),
            ("--merge-sx", mergeSx != nil, .strides),
            ("--merge-sy", mergeSy != nil, .strides),
            ("--merge-rand", mergeRand != nil, .randomDestinations),
            ("--merge-importance-pool", mergeImportancePool != nil, .importance),
            ("--merge-importance-warmup", mergeImportanceWarmup != nil, .importance),
            ("--merge-linkage", mergeLinkage != nil, .linkage),
            ("--merge-downsample-factor", mergeDownsampleFactor != nil, .downsampleFactor),
        ]
        return all.filter(\.1).map { (flag: $0.0, option: $0.2) }
    }

    /// Refuses options that the method doesn't read.
    ///
    /// - Throws: `ValidationError`, `TokenMergeConfigurationError`.
    func refuseUnread() throws {
        guard mergePeriod == nil || mergeRefresh == nil else {
            throw ValidationError("--merge-period and --merge-refresh exclude each other")
        }
        let method = configuration.method
        let profileMethod = mergeProfile?.configuration.method
        if let mergeProfile, let profileMethod, profileMethod != method {
            throw ValidationError(
                """
                --merge-profile \(mergeProfile.rawValue) is of --merge \(profileMethod): leave it \
                or --merge \(method) out
                """)
        }
        let known = try TokenMergeRegistry.standard.traits(of: method).options
        let unread = given.filter { !known.contains($0.option) }.map(\.flag)
        guard unread.isEmpty else {
            throw ValidationError(
                "--merge \(method) takes no \(unread.joined(separator: ", ")): leave it out")
        }
    }
}
