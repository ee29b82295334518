// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import Testing
import TokenMerging

/// Algorithm 1, lines 5 and 9–11: when plans are made anew and when they are used again.
@Suite struct PlanCacheTests {
    static let site = TokenMergeSite(
        index: 4, grid: TokenGrid(height: 8, width: 8), channels: 16, downsample: 1)

    static func call(_ index: Int, isGuided: Bool = true) -> TokenMergeCall {
        TokenMergeCall(index: index, count: 20, isGuided: isGuided)
    }

    static func plans(
        _ cache: TokenMergePlanCache, calls: Range<Int>
    ) throws -> [TokenMergePlan] {
        try calls.map { index in
            let features = try ReToMTests.features(8, 8, seed: UInt64(100 + index))
            return try #require(
                try cache.plan(
                    at: site, call: call(index), features: TokenFeatures(features)))
        }
    }

    @Test func plansAreMadeEveryPeriod() throws {
        var configuration = TokenMergeConfiguration()
        configuration.period = 3
        let cache = TokenMergePlanCache(merger: try TokenMerger(configuration), seed: 1)
        let plans = try Self.plans(cache, calls: 0..<8)
        for (index, plan) in plans.enumerated() {
            #expect(plan.isIdentical(to: plans[index / 3 * 3]))
        }
        #expect(!plans[0].isIdentical(to: plans[3]))
        let statistics = cache.statistics
        #expect(statistics.computedPlanCount == 3)
        #expect(statistics.reusedPlanCount == 5)
        #expect(statistics.tokenCountBefore == 8 * 2 * 64)
        #expect(statistics.tokenCountAfter == 8 * 2 * 32)
        // 64 members, 33 offsets, 64 slots, 4 bytes each.
        #expect(statistics.byteCount == (64 + 33 + 64) * 4)
    }

    @Test func defaultPeriodsFollowTheMethod() throws {
        #expect(try TokenMerger(TokenMergeConfiguration()).period == 5)
        #expect(try TokenMerger(TokenMergeConfiguration(method: "tome")).period == 1)
    }

    @Test func listedRefreshesReplaceThePeriod() throws {
        var configuration = TokenMergeConfiguration()
        configuration.refreshCalls = [2, 5]
        let cache = TokenMergePlanCache(merger: try TokenMerger(configuration), seed: 1)
        let plans = try Self.plans(cache, calls: 0..<7)
        let source = [0, 0, 2, 2, 2, 5, 5]
        for (index, plan) in plans.enumerated() {
            #expect(plan.isIdentical(to: plans[source[index]]))
        }
        #expect(cache.statistics.computedPlanCount == 3)
    }

    /// Two uses in one call (self- and cross-attention) are one plan and counted once.
    @Test func oneCallMakesOnePlan() throws {
        var configuration = TokenMergeConfiguration(method: "tome")
        configuration.mergesCrossAttention = true
        let cache = TokenMergePlanCache(merger: try TokenMerger(configuration), seed: 1)
        let first = try Self.plans(cache, calls: 0..<1)[0]
        let again = try #require(
            try cache.plan(
                at: Self.site, call: Self.call(0),
                features: TokenFeatures(try ReToMTests.features(8, 8, seed: 999))))
        #expect(first.isIdentical(to: again))
        #expect(cache.statistics.computedPlanCount == 1)
        #expect(cache.statistics.reusedPlanCount == 0)
    }

    /// After `reset`, and in a new cache, an image has the same plans, whatever ran before.
    @Test(arguments: ["retom", "tome"])
    func nothingIsLeftOfTheImageBefore(method: String) throws {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.destination = .random
        configuration.shiftsWindows = true
        let merger = try TokenMerger(configuration)
        let fresh = TokenMergePlanCache(merger: merger, seed: 9)
        let expected = try Self.plans(fresh, calls: 0..<7)
        let used = TokenMergePlanCache(merger: merger, seed: 3)
        _ = try Self.plans(used, calls: 0..<9)
        used.reset(seed: 9)
        #expect(used.statistics.computedPlanCount == 0)
        let plans = try Self.plans(used, calls: 0..<7)
        #expect(zip(plans, expected).allSatisfy { $0.isIdentical(to: $1) })
        #expect(used.statistics == fresh.statistics)
    }

    @Test func anotherShapeMakesANewPlan() throws {
        let cache = TokenMergePlanCache(
            merger: try TokenMerger(TokenMergeConfiguration()), seed: 1)
        _ = try Self.plans(cache, calls: 0..<2)
        let wide = TokenMergeSite(
            index: 4, grid: TokenGrid(height: 4, width: 12), channels: 16, downsample: 1)
        #expect(try cache.isStale(at: wide, call: Self.call(2), sampleCount: 2))
        #expect(try !cache.isStale(at: Self.site, call: Self.call(2), sampleCount: 2))
        #expect(try cache.isStale(at: Self.site, call: Self.call(2), sampleCount: 1))
        let plan = try #require(
            try cache.plan(
                at: wide, call: Self.call(2),
                features: TokenFeatures(try ReToMTests.features(4, 12))))
        #expect(plan.layout.grid == wide.grid)
        #expect(cache.statistics.computedPlanCount == 2)
    }

    @Test func nothingMergesBelowTheMaximumDownsample() throws {
        let cache = TokenMergePlanCache(
            merger: try TokenMerger(TokenMergeConfiguration()), seed: 1)
        let deep = TokenMergeSite(
            index: 5, grid: TokenGrid(height: 8, width: 8), channels: 16,
            input: TokenGrid(height: 16, width: 16))
        #expect(deep.downsample == 2)
        #expect(
            try cache.plan(
                at: deep, call: Self.call(0),
                features: TokenFeatures(try ReToMTests.features(8, 8))) == nil)
        #expect(cache.statistics == TokenMergeStatistics())
    }

    /// The indices stay where they are from the first call on: nothing is allocated again.
    @Test(arguments: ["retom", "tome", "importance"])
    func refreshesReuseTheirMemory(method: String) throws {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.period = 1
        let cache = TokenMergePlanCache(merger: try TokenMerger(configuration), seed: 1)
        let features = try ReToMTests.features(8, 8)
        let map = PlanTests.importance(Self.site.grid)
        let addresses = try (0..<4).map { index in
            try cache.plan(
                at: Self.site, call: Self.call(index), features: TokenFeatures(features),
                importance: map)?.storageAddress
        }
        #expect(addresses[0] != nil)
        #expect(Set(addresses).count == 1)
    }

    /// Lanes with plans of their own do not see each other.
    @Test func lanesHaveTheirOwnPlans() throws {
        var configuration = TokenMergeConfiguration()
        configuration.sharing = .perSample
        let cache = TokenMergePlanCache(
            merger: try TokenMerger(configuration), seed: 1, laneCount: 2)
        let features = try ReToMTests.features(8, 8)
        let both = try TokenMerger(configuration).makePlan(features)
        for lane in 0..<2 {
            let plan = try #require(
                try cache.plan(
                    at: Self.site, call: Self.call(0),
                    features: TokenFeatures(features.batch(lane..<(lane + 1))), lane: lane))
            #expect(plan.mergedRows() == both.mergedRows(part: lane))
        }
        #expect(cache.statistics.computedPlanCount == 2)
    }

    @Test func importanceWithoutGuidanceIsAnError() throws {
        let cache = TokenMergePlanCache(
            merger: try TokenMerger(TokenMergeConfiguration(method: "importance")), seed: 1)
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            _ = try cache.plan(
                at: Self.site, call: Self.call(0, isGuided: false),
                features: TokenFeatures(try ReToMTests.features(8, 8, batch: 1)))
        }
    }

    /// An unguided picture gets ToMeSD's fixed destinations.
    @Test func unguidedToMeIsNotRandom() throws {
        let merger = try TokenMerger(TokenMergeConfiguration(method: "tome"))
        let features = try ReToMTests.features(8, 8, batch: 1)
        let plan = try merger.makePlan(features, isGuided: false)
        let destinations = (plan.layout.keptCount..<plan.layout.mergedCount).map {
            plan.members(ofRow: $0)[0]
        }
        #expect(destinations == [0, 2, 4, 6, 16, 18, 20, 22, 32, 34, 36, 38, 48, 50, 52, 54])
    }

    /// Features that are not numbers still give a plan; the sampler reports them.
    @Test(arguments: PlanTests.methods)
    func notANumberDoesNotTrap(method: String) throws {
        let shape = TensorShape(batch: 2, height: 8, width: 8, channels: 16)
        var numbers = values(of: try ReToMTests.features(8, 8))
        for index in stride(from: 0, to: numbers.count, by: 37) { numbers[index] = .nan }
        let merger = try TokenMerger(TokenMergeConfiguration(method: method))
        for field in [numbers, Array(repeating: .nan, count: numbers.count)] {
            let plan = try merger.makePlan(try makeTensor(field, shape))
            #expect(Set(plan.mergedRows()).count == plan.layout.mergedCount)
        }
    }
}
