// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GenerationTypes
import TokenMerging

/// Which tokens merge: what is not given follows the profile, or the method.
///
/// Names, help and limits are those of the table of merge options.
package struct MergeOptions: ParsableArguments {
    @Option(name: .merging(.method), help: .merging(.method))
    package var merge: String?

    @Option(
        help: ArgumentHelp(
            "Good settings of ReToM to begin with.", valueName: choices(TokenMergeProfile.self)))
    package var mergeProfile: TokenMergeProfile?

    @Option(name: .merging(.ratio), help: .merging(.ratio))
    package var mergeRatio: Double?

    @Option(name: .merging(.window), help: .merging(.window))
    package var mergeWindow: TokenMergeWindow?

    @Option(name: .merging(.period), help: .merging(.period))
    package var mergePeriod: Int?

    @Option(name: .merging(.refreshCalls), help: .merging(.refreshCalls))
    package var mergeRefresh: MergeCalls?

    @Option(name: .merging(.alpha), help: .merging(.alpha))
    package var mergeAlpha: TokenMergeAlpha?

    @Option(name: .merging(.destination), help: .merging(.destination))
    package var mergeDestination: TokenMergeDestination?

    @Option(name: .merging(.sourceRanking), help: .merging(.sourceRanking))
    package var mergeSource: TokenMergeSourceRanking?

    @Option(name: .merging(.budget), help: .merging(.budget))
    package var mergeBudget: TokenMergeBudget?

    @Flag(name: .merging(.slice), inversion: .prefixedNo, help: .merging(.slice))
    package var mergeSlice: Bool?

    @Option(name: .merging(.maximumDownsample), help: .merging(.maximumDownsample))
    package var mergeLayers: MergeLayers?

    @Option(name: .merging(.scope), help: .merging(.scope))
    package var mergeScope: TokenMergeScope?

    @Option(name: .merging(.featureSource), help: .merging(.featureSource))
    package var mergeFeatures: TokenMergeFeatureSource?

    @Option(name: .merging(.sharing), help: .merging(.sharing))
    package var mergeSharing: TokenMergeSharing?

    @Flag(
        name: .merging(.proportionalAttention), inversion: .prefixedNo,
        help: .merging(.proportionalAttention))
    package var mergeProportionalAttention: Bool?

    @Flag(name: .merging(.shift), inversion: .prefixedNo, help: .merging(.shift))
    package var mergeShiftWindows: Bool?

    @Option(name: .merging(.linkage), help: .merging(.linkage))
    package var mergeLinkage: TokenMergeLinkage?

    @Option(name: .merging(.downsampleFactor), help: .merging(.downsampleFactor))
    package var mergeDownsampleFactor: Int?

    @Option(name: .merging(.strideX), help: .merging(.strideX))
    package var mergeSx: Int?

    @Option(name: .merging(.strideY), help: .merging(.strideY))
    package var mergeSy: Int?

    @Flag(
        name: .merging(.randomDestinations), inversion: .prefixedNo,
        help: .merging(.randomDestinations))
    package var mergeRand: Bool?

    @Option(name: .merging(.importancePool), help: .merging(.importancePool))
    package var mergeImportancePool: Double?

    @Option(name: .merging(.importanceWarmup), help: .merging(.importanceWarmup))
    package var mergeImportanceWarmup: Int?

    @Flag(name: .merging(.selfAttention), inversion: .prefixedNo, help: .merging(.selfAttention))
    package var mergeAttn: Bool?

    @Flag(name: .merging(.crossAttention), inversion: .prefixedNo, help: .merging(.crossAttention))
    package var mergeCrossattn: Bool?

    @Flag(name: .merging(.feedForward), inversion: .prefixedNo, help: .merging(.feedForward))
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

    /// Every option of the table with what was given for it.
    private var table: [(option: TokenMergeOption, value: (any TokenMergeOptionValue)?)] {
        [
            (.method, merge), (.ratio, mergeRatio), (.window, mergeWindow), (.period, mergePeriod),
            (.refreshCalls, mergeRefresh?.indices), (.alpha, mergeAlpha),
            (.destination, mergeDestination), (.sourceRanking, mergeSource), (.budget, mergeBudget),
            (.slice, mergeSlice),
            (.maximumDownsample, mergeLayers?.maximumDownsample), (.scope, mergeScope),
            (.featureSource, mergeFeatures), (.sharing, mergeSharing),
            (.proportionalAttention, mergeProportionalAttention), (.shift, mergeShiftWindows),
            (.linkage, mergeLinkage), (.downsampleFactor, mergeDownsampleFactor),
            (.strideX, mergeSx), (.strideY, mergeSy), (.randomDestinations, mergeRand),
            (.importancePool, mergeImportancePool), (.importanceWarmup, mergeImportanceWarmup),
            (.selfAttention, mergeAttn), (.crossAttention, mergeCrossattn),
            (.feedForward, mergeMlp),
        ]
    }

    /// Whether any was given.
    package var isGiven: Bool { mergeProfile != nil || !given.isEmpty }

    /// The options that were given.
    var given: [(option: TokenMergeOption, value: TokenMergeValue)] {
        table.compactMap { option, value in value.map { (option, $0.mergeValue) } }
    }

    /// The profile's or the method's settings with what was given on top.
    package var configuration: TokenMergeConfiguration {
        var merging = mergeProfile?.configuration ?? TokenMergeConfiguration()
        for (option, value) in given {
            do {
                try option.set(value, in: &merging)
            } catch {
                preconditionFailure("--\(option.flag) sets a value of another kind: \(error)")
            }
        }
        return merging.withRatioInForce
    }

    /// Where tokens merge, for records.
    package var layers: MergeLayers? {
        MergeLayers(maximumDownsample: configuration.maximumDownsample)
    }

    /// Refuses options that the method doesn't read: an option is given for its effect.
    ///
    /// - Throws: `ValidationError`, `TokenMergeConfigurationError`.
    private func refuseUnread() throws {
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
        let read = try TokenMergeRegistry.standard.traits(of: method).options.union([.method])
        let unread = given.filter { !read.contains($0.option) }.map { "--\($0.option.flag)" }
        guard unread.isEmpty else {
            throw ValidationError(
                "--merge \(method) takes no \(unread.joined(separator: ", ")): leave it out")
        }
    }
}

extension NameSpecification {
    /// An option's flag.
    fileprivate static func merging(_ option: TokenMergeOption) -> NameSpecification {
        .customLong(option.flag)
    }
}

extension ArgumentHelp {
    /// What an option does, which methods read it where not all do, and what it is unless given.
    fileprivate static func merging(_ option: TokenMergeOption) -> ArgumentHelp {
        let registry = TokenMergeRegistry.standard
        let readers = registry.readers(of: option)
        var notes: [String] = []
        if !readers.isEmpty, !TokenMergeOption.common.contains(option) {
            notes.append(readers.joined(separator: ", "))
        }
        switch option.standard {
        case .flag(let isOn): notes.append("default: \(isOn ? "on" : "off")")
        case let value?: notes.append("default: \(MergeLayers.text(value, of: option))")
        case nil: break
        }
        let note = notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))"
        return ArgumentHelp(
            "\(option.help)\(note).",
            valueName: option == .method
                ? registry.names.joined(separator: "|") : option.limits.form)
    }
}

/// Where tokens merge.
package enum MergeLayers: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// At the highest resolution with transformers, where merging saves most and harms least.
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

    /// A default as the command line has it.
    fileprivate static func text(_ value: TokenMergeValue, of option: TokenMergeOption) -> String {
        guard option == .maximumDownsample, let downsample = Int(mergeValue: value),
            let layers = MergeLayers(maximumDownsample: downsample)
        else { return value.description }
        return layers.rawValue
    }
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
extension TokenMergeBudget: ExpressibleByArgument {}
extension TokenMergeScope: ExpressibleByArgument {}
extension TokenMergeFeatureSource: ExpressibleByArgument {}
extension TokenMergeSharing: ExpressibleByArgument {}
extension TokenMergeLinkage: ExpressibleByArgument {}

extension TokenMergeWindow: ExpressibleByArgument {
    /// As `init(parsing:)`.
    public init?(argument: String) {
        self.init(parsing: argument)
    }
}

extension TokenMergeAlpha: ExpressibleByArgument {
    /// As `init(parsing:)`.
    public init?(argument: String) {
        self.init(parsing: argument)
    }
}
