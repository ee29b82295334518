// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// The table of merge options: complete, without duplicates, and everything it accepts can be
/// generated.
@Suite struct OptionTableTests {
    /// A property without a row would reach neither JSON nor a worker.
    @Test func everyPropertyHasARow() {
        let all = TokenMergeOption.all
        #expect(all.count == Mirror(reflecting: TokenMergeConfiguration()).children.count)
        #expect(Set(all.map(\.key)).count == all.count)
        #expect(Set(all.map(\.flag)).count == all.count)
        let tags = all.compactMap(\.tag)
        #expect(Set(tags).count == tags.count)
    }

    @Test func defaultsAreWithinTheLimits() throws {
        for option in TokenMergeOption.all {
            guard let value = option.standard else { continue }
            #expect(option.limits.contains(value), "\(option.key)")
            var configuration = TokenMergeConfiguration(method: "tome")
            try option.set(value, in: &configuration)
            #expect(option.value(in: configuration) == value, "\(option.key)")
        }
    }

    /// An option that no method reads would be useless.
    @Test func everyOptionButTheMethodHasAReader() {
        let registry = TokenMergeRegistry.standard
        for option in TokenMergeOption.all where option != .method {
            #expect(!registry.readers(of: option).isEmpty, "\(option.key)")
        }
        #expect(registry.readers(of: .strideX) == ["tome", "importance"])
        #expect(registry.readers(of: .ratio) == ["retom", "tome", "atc", "importance"])
        #expect(registry.readers(of: .downsampleFactor) == ["todo"])
    }

    /// JSON as stored by runs and pictures; its keys and formats must not change.
    @Test func jsonStaysAsItIs() throws {
        var configuration = TokenMergeConfiguration(method: "importance")
        configuration.alpha = .weight(0.1)
        configuration.window = .levels([2, 4])
        configuration.period = 3
        configuration.refreshCalls = []
        configuration.scope = .keysValues
        configuration.importancePool = 2
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let json = String(decoding: try encoder.encode(configuration), as: UTF8.self)
        #expect(
            json == """
                {"alpha":0.1,"destination":"representative","downsample_factor":2,\
                "importance_pool":2,"importance_warmup":2,"linkage":"average",\
                "max_downsample":1,"merge_attn":true,"merge_crossattn":false,\
                "merge_mlp":false,"method":"importance","period":3,\
                "proportional_attention":false,"ratio":0.5,"refresh_calls":[],"scope":"kv",\
                "sharing":"shared","shift_windows":true,"slice":false,\
                "source_ranking":"avg","sx":2,"sy":2,"use_rand":true,"window":"2,4"}
                """)
        #expect(
            try JSONDecoder().decode(TokenMergeConfiguration.self, from: Data(json.utf8))
                == configuration)
    }

    /// Earlier versions refuse keys that they do not know.
    @Test func laterOptionsAreWrittenOnlyWhenUsed() throws {
        var configuration = TokenMergeConfiguration()
        let plain = String(decoding: try JSONEncoder().encode(configuration), as: UTF8.self)
        #expect(!plain.contains("budget"))
        configuration.budget = .map
        let data = try JSONEncoder().encode(configuration)
        #expect(String(decoding: data, as: UTF8.self).contains(#""budget":"map""#))
        #expect(try JSONDecoder().decode(TokenMergeConfiguration.self, from: data) == configuration)
    }

    /// Any merge configuration of a request or frame is refused with the name of the option, or
    /// gives plans: nothing traps.
    @Test(arguments: 0..<8)
    func anyConfigurationIsRefusedOrMerges(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var (refused, merged) = (0, 0)
        for _ in 0..<400 {
            let merging = HostileRequests.merging(
                TokenMergeRegistry.standard.names, using: &generator)
            _ = merging.withRatioInForce
            do throws(TokenMergeConfigurationError) {
                try merging.validate(isGuided: true)
            } catch {
                refused += 1
                let text = error.description
                #expect(text.contains("--merge-"), "\(text)")
                continue
            }
            merged += try Self.planCount(merging, using: &generator)
        }
        #expect(refused > 50 && merged > 50, "\(refused) refused, \(merged) plans")
    }

    /// Makes the plans of three calls at a small odd map, guided or not, with importance.
    private static func planCount(
        _ merging: TokenMergeConfiguration, using generator: inout SplitMix64
    ) throws -> Int {
        let grid = TokenGrid(
            height: Int.random(in: 1...9, using: &generator),
            width: Int.random(in: 1...9, using: &generator))
        let stages: [TokenMergeStage] = [.down, .mid, .up]
        let site = TokenMergeSite(
            index: 0, grid: grid, channels: 4,
            downsample: [1, 2, 4, 8].randomElement(using: &generator) ?? 1,
            stage: stages.randomElement(using: &generator) ?? .down)
        let importance = TokenImportanceMap(
            grid: grid, values: (0..<grid.tokenCount).map { _ in generator.normal().magnitude })
        let cache = try TokenMergePlanCache(
            merger: TokenMerger(merging), sites: [site], seed: 7, halves: 2)
        guard cache.mergesAnything else { return 0 }
        let features = try ReToMTests.features(grid.height, grid.width, channels: 4)
        for call in 0..<3 {
            cache.begin(callIndex: call)
            for half in 0..<(cache.sharesPlans ? 1 : 2) where cache.isStale(0, half: half) {
                let own = cache.sharesPlans ? features : features.batch(half..<half + 1)
                cache.refresh(
                    0, half: half, features: TokenFeatures(own), importance: importance)
            }
        }
        let layout = cache.layouts[0]
        #expect((1..<grid.tokenCount).contains(layout.mergedCount), "\(merging)")
        return cache.statistics.computedPlanCount
    }
}
