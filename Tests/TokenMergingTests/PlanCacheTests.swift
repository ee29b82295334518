// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import Testing
import TokenMerging

/// Algorithm 1, lines 5 and 9–11: when plans are made anew and when they are reused.
@Suite struct PlanCacheTests {
    static let site = TokenMergeSite(
        index: 4, grid: TokenGrid(height: 8, width: 8), channels: 16, downsample: 1)

    static func cache(
        _ configuration: TokenMergeConfiguration, site: TokenMergeSite = site, seed: UInt64 = 1,
        halves: Int = 2
    ) throws -> TokenMergePlanCache {
        try TokenMergePlanCache(
            merger: try TokenMerger(configuration), sites: [site], seed: seed, halves: halves)
    }

    /// The plans used by calls with different features, for both halves at once or the first.
    static func plans(
        _ cache: TokenMergePlanCache, calls: Range<Int>
    ) throws -> [TokenMergePlan] {
        try calls.map { index in
            let features = try ReToMTests.features(8, 8, seed: UInt64(100 + index))
            cache.begin(callIndex: index)
            for half in 0..<(cache.sharesPlans ? 1 : 2) where cache.isStale(0, half: half) {
                let own = cache.sharesPlans ? features : features.batch(half..<half + 1)
                cache.refresh(0, half: half, features: TokenFeatures(own))
                #expect(!cache.isStale(0, half: half))
            }
            return cache.plan(0, half: 0)
        }
    }

    @Test func plansAreMadeEveryPeriod() throws {
        var configuration = TokenMergeConfiguration()
        configuration.period = 3
        let cache = try Self.cache(configuration)
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
        #expect(statistics.scratchByteCount == cache.layouts[0].scratchByteCount)
    }

    @Test func defaultPeriodsFollowTheMethod() throws {
        #expect(try TokenMerger(TokenMergeConfiguration()).period == 5)
        #expect(try TokenMerger(TokenMergeConfiguration(method: "tome")).period == 1)
    }

    @Test func listedRefreshesReplaceThePeriod() throws {
        var configuration = TokenMergeConfiguration()
        configuration.refreshCalls = [2, 5]
        let cache = try Self.cache(configuration)
        let plans = try Self.plans(cache, calls: 0..<7)
        let source = [0, 0, 2, 2, 2, 5, 5]
        for (index, plan) in plans.enumerated() {
            #expect(plan.isIdentical(to: plans[source[index]]))
        }
        #expect(cache.statistics.computedPlanCount == 3)
    }

    /// A new cache has the same plans for an image, regardless of earlier images.
    @Test(arguments: ["retom", "tome"])
    func plansAreAFunctionOfTheImage(method: String) throws {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.destination = .random
        configuration.shiftsWindows = true
        let first = try Self.cache(configuration, seed: 9)
        let expected = try Self.plans(first, calls: 0..<7)
        let other = try Self.plans(try Self.cache(configuration, seed: 3), calls: 0..<7)
        let again = try Self.cache(configuration, seed: 9)
        let plans = try Self.plans(again, calls: 0..<7)
        #expect(zip(plans, expected).allSatisfy { $0.isIdentical(to: $1) })
        #expect(again.statistics == first.statistics)
        #expect(!zip(plans, other).allSatisfy { $0.isIdentical(to: $1) })
    }

    @Test func nothingMergesBelowTheMaximumDownsample() throws {
        let deep = TokenMergeSite(
            index: 5, grid: TokenGrid(height: 8, width: 8), channels: 16,
            input: TokenGrid(height: 16, width: 16))
        #expect(deep.downsample == 2)
        // One block above makes this one the second level.
        let cache = try TokenMergePlanCache(
            merger: TokenMerger(TokenMergeConfiguration()), sites: [Self.site, deep], seed: 1,
            halves: 2)
        #expect(!cache.layouts[0].isIdentity && cache.layouts[1].isIdentity)
        cache.begin(callIndex: 0)
        #expect(cache.statistics.tokenCountBefore == 2 * Self.site.grid.tokenCount)
    }

    /// Halves with separate plans do not affect each other.
    @Test func halvesHaveTheirOwnPlans() throws {
        var configuration = TokenMergeConfiguration()
        configuration.sharing = .perSample
        let cache = try Self.cache(configuration)
        #expect(!cache.sharesPlans)
        let features = try ReToMTests.features(8, 8)
        let both = try TokenMerger(configuration).makePlan(features)
        cache.begin(callIndex: 0)
        for half in 0..<2 {
            cache.refresh(0, half: half, features: TokenFeatures(features.batch(half..<half + 1)))
        }
        for half in 0..<2 {
            #expect(cache.plan(0, half: half).mergedRows() == both.mergedRows(part: half))
        }
        #expect(cache.statistics.computedPlanCount == 2)
    }

    @Test func importanceWithoutGuidanceIsAnError() throws {
        #expect(throws: TokenMergeConfigurationError.needsGuidance(method: "importance")) {
            try Self.cache(TokenMergeConfiguration(method: "importance"), halves: 1)
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

    /// A cache continues from another one's saved state.
    @Test func savedStatesSurviveTheRoundTrip() throws {
        let (cache, words) = try Self.savedAfterThreeCalls()
        let other = try Self.cache(TokenMergeConfiguration())
        var reader = try WordReader(Self.sealed(words))
        try other.restore(from: &reader, callIndex: 3)
        try reader.finish()
        #expect(other.statistics == cache.statistics)
        #expect(other.plan(0, half: 0).isIdentical(to: cache.plan(0, half: 0)))
    }

    /// Any word of a saved state may have any value: it is damage, or a plan of these tokens.
    ///
    /// Counts that the calls cannot have produced are damage, so that none overflows later.
    @Test func foreignNumbersInSavedStatesAreDamage() throws {
        let (_, words) = try Self.savedAfterThreeCalls()
        // Needed; plans computed, reused; tokens before and after, two words each; α's kind, α.
        let counts = 1...6
        for index in words.indices {
            for value in [4, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7F80_0000, 0x7FC0_0000] {
                var changed = words
                changed[index] = UInt32(value)
                var reader = try WordReader(Self.sealed(changed))
                let cache = try Self.cache(TokenMergeConfiguration())
                do {
                    try cache.restore(from: &reader, callIndex: 3)
                    #expect(!counts.contains(index) || changed == words, "\(index): \(value)")
                    _ = try Self.plans(cache, calls: 3..<6)
                } catch let error as SavedStateError {
                    #expect(error == .damaged)
                }
            }
        }
    }

    /// The words of a state after three calls, one of which made the plan, without their digest.
    private static func savedAfterThreeCalls() throws -> (TokenMergePlanCache, [UInt32]) {
        let cache = try cache(TokenMergeConfiguration())
        _ = try plans(cache, calls: 0..<3)
        var writer = WordWriter()
        cache.save(to: &writer, callIndex: 3)
        let bytes = writer.finish()
        let words = stride(from: 0, to: bytes.count - 8, by: 4).map { start in
            bytes[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        let counts: [UInt32] = [1, 1, 2, 384, 0, 192, 0]
        #expect(Array(words[...6]) == counts)
        return (cache, words)
    }

    private static func sealed(_ words: [UInt32]) -> [UInt8] {
        var writer = WordWriter()
        writer.write(words)
        return writer.finish()
    }
}
