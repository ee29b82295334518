// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GenerationTypes
internal import TokenMerging

/// Which tokens merge: what is not given follows the profile, or the method.
package struct MergeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Merge similar tokens (none for the plain picture, default: \(TokenMergeConfiguration().method)).",
            valueName: TokenMergeRegistry.standard.names.joined(separator: "|")))
    package var merge: String?

    @Option(help: ArgumentHelp("Good settings of ReToM to begin with.", valueName: Self.profiles))
    package var mergeProfile: TokenMergeProfile?

    @Option(help: ArgumentHelp("Share of the tokens that merges.", valueName: "0…1"))
    package var mergeRatio: Double?

    @Option(
        help: ArgumentHelp(
            """
            Side of ReToM's windows in tokens: adaptive, adaptive-literal, 2, 8, 16, one per level \
            (2,4,8,8) or per stage (down:2,mid:8,up:2/4/8); a window larger than the map is the \
            whole map.
            """, valueName: "side"))
    package var mergeWindow: TokenMergeWindow?

    @Option(help: ArgumentHelp("Steps from one plan to the next.", valueName: "steps"))
    package var mergePeriod: Int?

    @Option(
        help: ArgumentHelp(
            "Exactly these U-Net calls make plans, besides the first; replaces the period.",
            valueName: "0,5,12"))
    package var mergeRefresh: MergeCalls?

    @Option(
        help: ArgumentHelp("The destination's share of a merged token.", valueName: "mean|0…1"))
    package var mergeAlpha: TokenMergeAlpha?

    @Option(
        help: ArgumentHelp(
            "The token of a window that receives the others.",
            valueName: choices(TokenMergeDestination.self)))
    package var mergeDestination: TokenMergeDestination?

    @Option(
        help: ArgumentHelp(
            "Rank sources by average similarity, or by that to the destination.",
            valueName: choices(TokenMergeSourceRanking.self)))
    package var mergeSource: TokenMergeSourceRanking?

    @Flag(
        inversion: .prefixedNo,
        help: "Read Algorithm 1's sim[1:r] as Python does: a source less per window.")
    package var mergeSlice: Bool?

    @Option(
        help: ArgumentHelp(
            "Merge at the highest resolution, at the 2 or 3 highest, or at all.",
            valueName: MergeLayers.names))
    package var mergeLayers: MergeLayers?

    @Option(
        help: ArgumentHelp(
            "Merge all of self-attention, or keys and values only.",
            valueName: choices(TokenMergeScope.self)))
    package var mergeScope: TokenMergeScope?

    @Option(
        help: ArgumentHelp(
            "What similarities are computed from.",
            valueName: choices(TokenMergeFeatureSource.self)))
    package var mergeFeatures: TokenMergeFeatureSource?

    @Option(
        help: ArgumentHelp(
            "Whether the halves of a guided image share plans.",
            valueName: choices(TokenMergeSharing.self)))
    package var mergeSharing: TokenMergeSharing?

    @Flag(
        inversion: .prefixedNo,
        help: "Count a merged token as many in attention.")
    package var mergeProportionalAttention: Bool?

    @Flag(
        inversion: .prefixedNo, help: "Shift ReToM's windows by half at every other plan.")
    package var mergeShiftWindows: Bool?

    @Option(
        help: ArgumentHelp(
            "Distance of clusters (atc).", valueName: choices(TokenMergeLinkage.self)))
    package var mergeLinkage: TokenMergeLinkage?

    @Option(
        help: ArgumentHelp(
            "Side of the cells that a key stands for (todo).", valueName: "tokens"))
    package var mergeDownsampleFactor: Int?

    @Option(help: ArgumentHelp("Tokens per destination, across (tome).", valueName: "tokens"))
    package var mergeSx: Int?

    @Option(help: ArgumentHelp("Tokens per destination, down (tome).", valueName: "tokens"))
    package var mergeSy: Int?

    @Flag(inversion: .prefixedNo, help: "Draw destinations (tome).")
    package var mergeRand: Bool?

    @Option(
        help: ArgumentHelp(
            "Tokens to draw destinations from, as a multiple of the tokens left (importance).",
            valueName: "1…"))
    package var mergeImportancePool: Double?

    @Option(
        help: ArgumentHelp(
            "U-Net calls before importance is trusted (importance).", valueName: "calls"))
    package var mergeImportanceWarmup: Int?

    @Flag(inversion: .prefixedNo, help: "Merge around self-attention.")
    package var mergeAttn: Bool?

    @Flag(inversion: .prefixedNo, help: "Merge around cross-attention.")
    package var mergeCrossattn: Bool?

    @Flag(inversion: .prefixedNo, help: "Merge around the feed-forward layer.")
    package var mergeMlp: Bool?

    package init() {}

    package mutating func validate() throws {
        do {
            try configuration.validate()
            try refuseUnread()
        } catch let error as TokenMergeConfigurationError {
            throw ValidationError(error.description)
        }
    }

    /// The profile's or the method's settings with what was given on top.
    package var configuration: TokenMergeConfiguration {
        var merging = mergeProfile?.configuration ?? TokenMergeConfiguration()
        func set<Value>(
            _ key: WritableKeyPath<TokenMergeConfiguration, Value>, _ value: Value?
        ) {
            if let value { merging[keyPath: key] = value }
        }
        set(\.method, merge)
        set(\.ratio, mergeRatio)
        set(\.window, mergeWindow)
        set(\.period, mergePeriod.map { $0 })
        set(\.refreshCalls, mergeRefresh.map { $0.indices })
        set(\.slicesSources, mergeSlice)
        set(\.importancePool, mergeImportancePool)
        set(\.importanceWarmupCallCount, mergeImportanceWarmup)
        set(\.alpha, mergeAlpha)
        set(\.destination, mergeDestination)
        set(\.sourceRanking, mergeSource)
        set(\.maximumDownsample, mergeLayers?.maximumDownsample)
        set(\.scope, mergeScope.map { $0 })
        set(\.featureSource, mergeFeatures.map { $0 })
        set(\.sharing, mergeSharing)
        set(\.usesProportionalAttention, mergeProportionalAttention)
        set(\.shiftsWindows, mergeShiftWindows)
        set(\.linkage, mergeLinkage)
        set(\.downsampleFactor, mergeDownsampleFactor)
        set(\.strideX, mergeSx)
        set(\.strideY, mergeSy)
        set(\.usesRandomDestinations, mergeRand)
        set(\.mergesSelfAttention, mergeAttn)
        set(\.mergesCrossAttention, mergeCrossattn)
        set(\.mergesFeedForward, mergeMlp)
        return merging.withRatioInForce
    }

    /// Where tokens merge, for records.
    package var layers: MergeLayers? {
        MergeLayers(maximumDownsample: configuration.maximumDownsample)
    }

    private static var profiles: String { choices(TokenMergeProfile.self) }
}

/// Where tokens merge.
package enum MergeLayers: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// At the highest resolution, where merging saves most and harms least.
    case top
    /// At the two highest resolutions.
    case two = "2"
    /// At the three highest resolutions.
    case three = "3"
    /// At every resolution, as the paper does.
    case all

    /// The largest downsampling with merging.
    package var maximumDownsample: Int {
        switch self {
        case .top: 1
        case .two: 2
        case .three: 4
        case .all: 8
        }
    }

    /// The layers that a largest downsampling means.
    package init?(maximumDownsample: Int) {
        guard let layers = Self.allCases.first(where: { $0.maximumDownsample == maximumDownsample })
        else { return nil }
        self = layers
    }

    fileprivate static var names: String { choices(Self.self) }
}

/// U-Net calls of an image, as in `0,5,12`.
package struct MergeCalls: ExpressibleByArgument, Sendable, Equatable {
    /// Their indices.
    package let indices: [Int]

    /// Reads numbers from 0 with commas between them.
    package init?(argument: String) {
        var indices: [Int] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let index = Int(part), index >= 0 else { return nil }
            indices.append(index)
        }
        self.indices = indices
    }
}

/// The names of all choices, for help.
private func choices<Choice: CaseIterable & RawRepresentable>(_: Choice.Type) -> String
where Choice.RawValue == String {
    Choice.allCases.map(\.rawValue).joined(separator: "|")
}

extension TokenMergeProfile: ExpressibleByArgument {}
extension TokenMergeDestination: ExpressibleByArgument {}
extension TokenMergeSourceRanking: ExpressibleByArgument {}
extension TokenMergeScope: ExpressibleByArgument {}
extension TokenMergeFeatureSource: ExpressibleByArgument {}
extension TokenMergeSharing: ExpressibleByArgument {}
extension TokenMergeLinkage: ExpressibleByArgument {}

extension TokenMergeWindow: ExpressibleByArgument {
    /// As `init(parsing:)`.
    public init?(argument: String) {
        guard let window = try? TokenMergeWindow(parsing: argument) else { return nil }
        self = window
    }
}

extension TokenMergeAlpha: ExpressibleByArgument {
    /// As `init(parsing:)`.
    public init?(argument: String) {
        guard let alpha = try? TokenMergeAlpha(parsing: argument) else { return nil }
        self = alpha
    }
}
