// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Testing
import TokenMerging

/// Options: names, defaults, limits, and one clear error for each that is out of range.
@Suite struct ConfigurationTests {
    static func decode(_ json: String) throws -> TokenMergeConfiguration {
        try JSONDecoder().decode(TokenMergeConfiguration.self, from: Data(json.utf8))
    }

    @Test func everyMethodIsRegistered() throws {
        #expect(
            TokenMergeRegistry.standard.names
                == ["none", "retom", "tome", "atc", "importance", "todo"])
        for name in TokenMergeRegistry.standard.names {
            let merger = try TokenMerger(TokenMergeConfiguration(method: name))
            #expect(type(of: merger.strategy).traits.name == name)
        }
    }

    /// The ratio that ToDo reports is its actual one, 0 switches it off, and no other method
    /// changes.
    @Test(arguments: TokenMergeRegistry.standard.names)
    func ratiosInForceAreWhatHappens(name: String) throws {
        var configuration = TokenMergeConfiguration(method: name)
        configuration.ratio = 0.25
        let inForce = configuration.withRatioInForce
        #expect((inForce == configuration) == (name != "todo"))
        let site = TokenMergeSite(
            index: 0, grid: TokenGrid(height: 16, width: 16), channels: 8, downsample: 1)
        let layout = try TokenMerger(configuration).layout(at: site, sampleCount: 1)
        let expected = name == "none" ? 0 : inForce.ratio
        #expect(Double(layout.mergedCount) == (1 - expected) * 256)
        configuration.ratio = 0
        #expect(configuration.withRatioInForce.ratio == 0)
        #expect(try TokenMerger(configuration).layout(at: site, sampleCount: 1).isIdentity)
    }

    /// SDXL's U-Net has no transformers at its full resolution: the top is where they start.
    @Test func theTopIsTheFinestLevelWithTransformers() throws {
        func sites(_ downsamples: [Int]) -> [TokenMergeSite] {
            downsamples.enumerated().map { index, downsample in
                TokenMergeSite(
                    index: index, grid: TokenGrid(height: 64 / downsample, width: 64 / downsample),
                    channels: 8, downsample: downsample)
            }
        }
        func merging(_ downsamples: [Int], _ maximum: Int) throws -> [Int] {
            var configuration = TokenMergeConfiguration()
            configuration.maximumDownsample = maximum
            let layouts = try TokenMerger(configuration).layouts(at: sites(downsamples), halves: 2)
            return zip(downsamples, layouts).filter { !$0.1.isIdentity }.map(\.0)
        }
        #expect(try merging([1, 2, 4, 8, 1], 1) == [1, 1])
        #expect(try merging([1, 2, 4, 8], 4) == [1, 2, 4])
        #expect(try merging([2, 4, 4, 2], 1) == [2, 2])
        #expect(try merging([2, 4, 8], 2) == [2, 4])
        #expect(try merging([2, 4, 8], 8) == [2, 4, 8])
        #expect(try merging([4], 1) == [4])
    }

    @Test func jsonUsesToMeSDsNamesAndKeepsDefaults() throws {
        #expect(try Self.decode("{}") == TokenMergeConfiguration())
        let configuration = try Self.decode(
            """
            {"method": "tome", "ratio": 0.4, "max_downsample": 2, "sx": 4, "sy": 3,
             "use_rand": false, "merge_attn": true, "merge_crossattn": true, "merge_mlp": true,
             "window": "2,4,8,8", "alpha": 0.25, "period": 3, "refresh_calls": [1, 7],
             "destination": "least", "source_ranking": "rep", "slice": true, "scope": "qkv", "linkage": "single",
             "sharing": "per-sample", "proportional_attention": true, "shift_windows": false,
             "feature_source": "attention-input",
             "importance_pool": 2, "importance_warmup": 1, "downsample_factor": 3}
            """)
        #expect(configuration.strideX == 4 && configuration.strideY == 3)
        #expect(configuration.window == .levels([2, 4, 8, 8]))
        #expect(configuration.alpha == .weight(0.25))
        #expect(configuration.featureSource == .attentionInput)
        let data = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(TokenMergeConfiguration.self, from: data) == configuration)
    }

    @Test(arguments: TokenMergeProfile.allCases)
    func profilesAreValidAndSurviveJSON(profile: TokenMergeProfile) throws {
        let configuration = profile.configuration
        _ = try TokenMerger(configuration)
        let data = try JSONEncoder().encode(configuration)
        #expect(try JSONDecoder().decode(TokenMergeConfiguration.self, from: data) == configuration)
    }

    /// The paper's profile has every layer and no extension of ours.
    @Test func paperProfileHasNoExtensions() throws {
        let merger = try TokenMerger(TokenMergeProfile.paper.configuration)
        let configuration = merger.configuration
        #expect(configuration.maximumDownsample == 8)
        #expect(merger.scope == .queriesKeysValues && merger.period == 5)
        #expect(merger.featureSource == .attentionInput)
        #expect(!configuration.usesProportionalAttention && !configuration.shiftsWindows)
        #expect(configuration.sourceRanking == .average && configuration.alpha == .mean)
    }

    @Test(
        arguments: [
            (#"{"method": "magic"}"#, "choose --merge none|retom|tome|atc|importance|todo"),
            (#"{"ratio": 1.5}"#, "--merge-ratio"), (#"{"ratio": -0.1}"#, "--merge-ratio"),
            (#"{"max_downsample": 3}"#, "2, 4 or 8"), (#"{"period": 0}"#, "--merge-period"),
            (#"{"refresh_calls": [-1]}"#, "U-Net calls from 0"),
            (#"{"window": 0}"#, "--merge-window"),
            (#"{"window": "2,x"}"#, "--merge-window"), (#"{"alpha": 2}"#, "--merge-alpha"),
            (#"{"alpha": "most"}"#, "--merge-alpha"),
            (#"{"sx": 0}"#, "sx 0: choose a whole number from 1 to 512 with --merge-sx"),
            (#"{"sx": 1, "sy": 1}"#, "--merge-sx or --merge-sy"),
            (#"{"downsample_factor": 0}"#, "1 to 64"),
            (#"{"importance_pool": 0.5}"#, "from 1 to 1000 with --merge-importance-pool"),
            (#"{"importance_pool": 1e300}"#, "importance_pool 1e+300: choose from 1 to 1000"),
            (#"{"importance_warmup": 1e300}"#, "from 0 to 65535"),
            (#"{"period": 1.5}"#, "period 1.5: choose a whole number from 1 to 65535"),
            (#"{"sx": 9223372036854775807}"#, "from 1 to 512"),
            (#"{"downsample_factor": 9223372036854775808}"#, "from 1 to 64"),
            (#"{"window": 9223372036854775807}"#, "at most 4096"),
            (#"{"window": [2]}"#, "window 2: choose adaptive"),
            (#"{"ratio": "half"}"#, "ratio half: choose from 0 to 1"),
            (#"{"ratio": {"a": 1}}"#, "ratio: choose from 0 to 1"),
            (#"{"method": 3}"#, "choose a method's name with --merge"),
            (#"{"use_rand": 1}"#, "use_rand 1: choose true or false"),
            (#"{"destination": "best"}"#, "representative, random, least, first"),
            (#"{"refresh_calls": [70000]}"#, "as in --merge-refresh 0,5,12"),
            (#"{"method": "todo", "scope": "qkv"}"#, "--merge-scope"),
            (#"{"scope": "kv", "merge_mlp": true}"#, "merge_mlp"),
        ])
    func badValuesSayWhatToDo(json: String, advice: String) throws {
        let error = #expect(throws: TokenMergeConfigurationError.self) {
            try Self.decode(json).validate()
        }
        #expect(error?.description.contains(advice) == true, "\(error?.description ?? "no error")")
    }

    @Test func notANumberIsOutOfRange() throws {
        var configuration = TokenMergeConfiguration()
        configuration.ratio = .nan
        #expect(throws: TokenMergeConfigurationError.self) { try configuration.validate() }
        configuration = TokenMergeConfiguration()
        configuration.alpha = .weight(.nan)
        #expect(throws: TokenMergeConfigurationError.self) { try configuration.validate() }
    }

    @Test func importanceNeedsGuidance() throws {
        let configuration = TokenMergeConfiguration(method: "importance")
        try configuration.validate(isGuided: true)
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            try configuration.validate(isGuided: false)
        }
    }

    @Test func atcRefusesMapsItCannotHold() throws {
        let merger = try TokenMerger(TokenMergeConfiguration(method: "atc"))
        let site = TokenMergeSite(
            index: 0, grid: TokenGrid(height: 128, width: 128), channels: 4, downsample: 1)
        #expect(
            throws: TokenMergeConfigurationError.tooManyTokens(
                method: "atc", count: 16384, limit: 9216)
        ) {
            _ = try merger.layout(at: site, sampleCount: 2)
        }
    }

    @Test(arguments: ["adaptive", "adaptive-literal", "8", "2,4,8,8"])
    func windowsReadWhatTheyWrite(text: String) throws {
        #expect(TokenMergeWindow(parsing: text)?.description == text)
    }
}
