// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import GenerationTypes
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// Token merging in the U-Net, call by call.
@Suite(.serialized) struct MergedUNetTests {
    static func configuration(
        _ method: String, _ change: (inout TokenMergeConfiguration) -> Void = { _ in }
    ) -> TokenMergeConfiguration {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.maximumDownsample = 8
        change(&configuration)
        return configuration
    }

    /// Every method, and the switches that select code paths.
    static let configurations = [
        configuration("retom"),
        configuration("retom") { $0.scope = .keysValues },
        configuration("retom") { $0.sharing = .perSample },
        configuration("retom") { $0.usesProportionalAttention = true },
        configuration("retom") { $0.alpha = .weight(1) },
        configuration("tome"),
        configuration("tome") {
            $0.mergesCrossAttention = true
            $0.mergesFeedForward = true
        },
        configuration("tome") {
            $0.mergesSelfAttention = false
            $0.mergesFeedForward = true
        },
        configuration("atc"), configuration("importance"), configuration("todo"),
    ]

    /// The work saved by merging is exactly what the cost functions predict.
    @Test(arguments: ["tiny", "mixed", "postcards"], configurations)
    func savedWorkIsExact(_ model: String, _ configuration: TokenMergeConfiguration) throws {
        let network = try MergedUNet(model, threadCount: 2)
        let whole = try network.work(nil)
        let merged = try network.work(configuration)
        let run = try network.merging(configuration)
        let blocks = run.sites.map { site in
            (
                site: site,
                block: TransformerBlockShape(
                    tokenCount: site.grid.tokenCount, channels: site.channels,
                    contextChannels: network.textChannels)
            )
        }
        // Some blocks of "mixed" have no self-attention to merge around.
        guard model != "mixed" else {
            #expect(merged.totalFLOPs < whole.totalFLOPs)
            return
        }
        let saved = try run.merger.savedFLOPs(at: blocks)
        #expect(saved > 0)
        #expect(whole.totalFLOPs - merged.totalFLOPs == 2 * saved)
        #expect(whole.convolutionFLOPs == merged.convolutionFLOPs)
    }

    /// One thread runs both halves as a batch or one after the other, two threads run them in
    /// parallel: the results are the same except for rounding.
    @Test(arguments: configurations)
    func lanesDoNotAffectResults(_ configuration: TokenMergeConfiguration) throws {
        let single = try MergedUNet("postcards", threadCount: 1).run(configuration, calls: 3)
        let double = try MergedUNet("postcards", threadCount: 2).run(configuration, calls: 3)
        let triple = try MergedUNet("postcards", threadCount: 3).run(configuration, calls: 3)
        #expect(relativeL2(double.output, single.output) < 1e-5)
        #expect(relativeL2(triple.output, single.output) < 1e-5)
        #expect(single.statistics.tokenCountAfter == double.statistics.tokenCountAfter)
        #expect(single.statistics.computedPlanCount == double.statistics.computedPlanCount)
    }

    /// Nothing merges at ratio 0: the same bits as without merging.
    @Test(arguments: ["retom", "tome", "atc", "importance"])
    func ratioZeroIsIdentity(_ method: String) throws {
        let network = try MergedUNet("postcards", threadCount: 2)
        let configuration = Self.configuration(method) { $0.ratio = 0 }
        let whole = try network.run(nil, calls: 1).output
        #expect(try network.run(configuration, calls: 1).output == whole)
        #expect(try network.run(Self.configuration(method), calls: 1).output != whole)
    }

    /// Both halves have the same text here, so both features are the same: a plan made from both
    /// equals the plan made from one.
    @Test func halvesShareTheirPlan() throws {
        let network = try MergedUNet("postcards", threadCount: 2, hasEqualTexts: true)
        let shared = try network.run(Self.configuration("retom"), calls: 2)
        let own = try network.run(
            Self.configuration("retom") { $0.sharing = .perSample }, calls: 2)
        #expect(shared.output == own.output)
        #expect(2 * shared.statistics.computedPlanCount == own.statistics.computedPlanCount)
        let other = try MergedUNet("postcards", threadCount: 2)
        let together = try other.run(Self.configuration("retom"), calls: 2).output
        let apart = try other.run(
            Self.configuration("retom") { $0.sharing = .perSample }, calls: 2
        ).output
        #expect(together != apart)
    }

    @Test func plansFollowThePeriod() throws {
        let network = try MergedUNet("postcards", threadCount: 2)
        let configuration = Self.configuration("retom") { $0.period = 2 }
        let statistics = try network.run(configuration, calls: 5).statistics
        let sites = try network.merging(configuration).sites
        #expect(statistics.computedPlanCount == 3 * sites.count)
        #expect(statistics.reusedPlanCount == 2 * sites.count)
        let tokens = sites.reduce(0) { $0 + $1.grid.tokenCount }
        #expect(statistics.tokenCountBefore == 2 * 5 * tokens)
        #expect(statistics.byteCount > 0)
    }

    @Test(arguments: configurations + [.none], [1, 2])
    func callsAllocateNothing(
        _ configuration: TokenMergeConfiguration, threadCount: Int
    ) throws {
        let network = try MergedUNet("tiny", threadCount: threadCount)
        var configuration = configuration
        configuration.period = 1
        let run = try network.prepare(configuration)
        run.call(0)
        run.call(1)
        rt_count_allocations()
        run.call(2)
        run.call(3)
        #expect(rt_counted_own_allocations() == 0)
    }
}
