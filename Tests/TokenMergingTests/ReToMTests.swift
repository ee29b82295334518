// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// Properties specific to ReToM: counts, sharing, destinations, extensions.
@Suite struct ReToMTests {
    static func features(
        _ height: Int, _ width: Int, batch: Int = 2, channels: Int = 16, seed: UInt64 = 21
    ) throws -> Tensor {
        try makeTensor(
            normalFeatures(
                TokenGrid(height: height, width: width), batch: batch, channels: channels,
                seed: seed),
            TensorShape(batch: batch, height: height, width: width, channels: channels))
    }

    static func layout(
        _ window: TokenMergeWindow, _ grid: TokenGrid, ratio: Double, downsample: Int = 1,
        stage: TokenMergeStage = .down
    ) throws -> TokenMergeLayout {
        var configuration = TokenMergeConfiguration()
        configuration.window = window
        configuration.ratio = ratio
        let site = TokenMergeSite(
            index: 0, grid: grid, channels: 4, downsample: downsample, stage: stage)
        return try TokenMerger(configuration).strategy.layout(
            at: site, ratio: ratio, sampleCount: 2)
    }

    /// M = Σ (n − ⌊n R⌋), computed by hand.
    ///
    /// 96 × 72 pixels at downsample 8 are 12 × 9 tokens.
    @Test(
        arguments: [
            // 2×2: 24 full windows keep 2 of 4; 6 windows of 2×1 keep 1 of 2.
            (2, 12, 9, 0.5, 24 * 2 + 6 * 1),
            // 4×4: 3·2 full windows keep 8 of 16; 3 windows of 4×1 keep 2 of 4.
            (4, 12, 9, 0.5, 6 * 8 + 3 * 2),
            // 8×8: 64 → 32, 8×1 → 4, 4×8: 32 → 16, 4×1 → 2.
            (8, 12, 9, 0.5, 32 + 4 + 16 + 2),
            // Clamped to the map: one window of 108.
            (16, 12, 9, 0.5, 54),
            // ⌊9 · 0.3⌋ = 2 of 9, ⌊3 · 0.3⌋ = 0 of 3: 4·3 full windows.
            (3, 12, 10, 0.3, 12 * 7 + 4 * 3),
            // R = 1 leaves one token per window.
            (64, 12, 9, 1, 1), (2, 64, 64, 0.5, 2048), (2, 64, 64, 0.75, 1024),
        ] as [(Int, Int, Int, Double, Int)])
    func mergedCountIsKnownFromTheGrid(
        side: Int, height: Int, width: Int, ratio: Double, expected: Int
    ) throws {
        let grid = TokenGrid(height: height, width: width)
        #expect(try Self.layout(.fixed(side), grid, ratio: ratio).mergedCount == expected)
    }

    /// Graded: 2, 4, 8 and the whole 8² map; literal: 2, and 8 in the bottleneck.
    @Test func adaptiveWindowsFollowTheLevel() throws {
        for (size, downsample, windows) in [(64, 1, 1024), (32, 2, 64), (16, 4, 4), (8, 8, 1)] {
            let grid = TokenGrid(height: size, width: size)
            let graded = try Self.layout(
                .adaptive, grid, ratio: 0.5, downsample: downsample, stage: size == 8 ? .mid : .down
            )
            #expect(graded.groupCount == windows)
            let literal = try Self.layout(
                .adaptiveLiteral, grid, ratio: 0.5, downsample: downsample,
                stage: size == 8 ? .mid : .down)
            #expect(literal.groupCount == (size == 8 ? 1 : size * size / 4))
            let levels = try Self.layout(
                .levels([2, 4]), grid, ratio: 0.5, downsample: downsample)
            #expect(levels.groupCount == (size == 64 ? 1024 : size * size / 16))
        }
    }

    /// Separate windows on the way down, in the bottleneck and on the way up.
    @Test func windowsFollowTheStage() throws {
        let grid = TokenGrid(height: 16, width: 16)
        let window = TokenMergeWindow.stages(down: [2, 4], mid: 16, up: [8])
        let cases: [(stage: TokenMergeStage, downsample: Int, side: Int)] = [
            (.down, 1, 2), (.down, 2, 4), (.down, 8, 4), (.mid, 8, 16), (.up, 1, 8), (.up, 4, 8),
        ]
        for item in cases {
            let layout = try Self.layout(
                window, grid, ratio: 0.5, downsample: item.downsample, stage: item.stage)
            #expect(layout.groupCount == 256 / (item.side * item.side), "\(item)")
        }
        #expect(TokenMergeWindow(parsing: "\(window)") == window)
    }

    /// One source fewer per window: at R = .5 in windows of four, one instead of two.
    @Test func slicesHaveASourceLess() throws {
        var configuration = TokenMergeConfiguration()
        configuration.slicesSources = true
        let plan = try TokenMerger(configuration).makePlan(try Self.features(8, 8))
        #expect(plan.layout.mergedCount == 16 * 3)
        configuration.ratio = 0.25
        let none = try TokenMerger(configuration).makePlan(try Self.features(8, 8))
        #expect(none.layout.isIdentity)
    }

    /// One token is left of the whole map, the one nearest to the mean direction.
    @Test func wholeMapAtFullRatioGivesOneToken() throws {
        let features = try Self.features(6, 5, batch: 1, channels: 8)
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(64)
        configuration.ratio = 1
        let plan = try TokenMerger(configuration).makePlan(features)
        #expect(plan.layout.mergedCount == 1)
        let merged = try plan.merged(features)
        for channel in 0..<8 {
            let mean = (0..<30).reduce(0.0) { $0 + Double(features.floats[$1 * 8 + channel]) } / 30
            #expect((Double(merged.floats[channel]) - mean).magnitude < 1e-6)
        }
        let oracle = LiteralReToM(height: 6, width: 5, channels: 8, side: 6, ratio: 1)
        #expect(plan.members(ofRow: 0)[0] == oracle.windows([values(of: features)])[0].destination)
    }

    /// Both halves share their indices, and permuting the batch permutes the outputs.
    @Test func halvesSharePlansAndBatchOrderDoesNotMatter() throws {
        let features = try Self.features(9, 7)
        let count = 9 * 7 * 16
        let numbers = values(of: features)
        let swapped = try makeTensor(
            Array(numbers[count...] + numbers[..<count]), features.shape)
        for sharing in TokenMergeSharing.allCases {
            var configuration = TokenMergeConfiguration()
            configuration.sharing = sharing
            let merger = try TokenMerger(configuration)
            let plan = try merger.makePlan(features)
            let other = try merger.makePlan(swapped)
            #expect(plan.layout.partCount == (sharing == .shared ? 1 : 2))
            let merged = values(of: try plan.merged(features))
            let half = merged.count / 2
            #expect(
                values(of: try other.merged(swapped))
                    == Array(merged[half...] + merged[..<half]))
        }
        // The halves as held by two lanes, the second below the first in memory.
        let plan = try TokenMerger(TokenMergeConfiguration()).makePlan(features)
        let site = TokenMergeSite(
            index: 0, grid: TokenGrid(height: 9, width: 7), channels: 16, downsample: 1)
        let cache = try PlanCacheTests.cache(TokenMergeConfiguration(), site: site)
        cache.begin(callIndex: 0)
        cache.refresh(
            0, half: 0,
            features: TokenFeatures(uncond: swapped.batch(1..<2), text: swapped.batch(0..<1)))
        #expect(cache.plan(0, half: 1).isIdentical(to: plan))
    }

    /// A sample alone gets the same plan as in a batch with separate plans.
    @Test func aloneAsInABatch() throws {
        let features = try Self.features(8, 10)
        var configuration = TokenMergeConfiguration()
        configuration.sharing = .perSample
        configuration.destination = .random
        let merger = try TokenMerger(configuration)
        let both = try merger.makePlan(features, seed: 5)
        let alone = try merger.makePlan(features.batch(1..<2), seed: 5)
        #expect(both.mergedRows(part: 1) == alone.mergedRows())
    }

    /// Random destinations differ between calls, blocks and seeds; nothing else changes them.
    @Test func randomDestinationsAreReproducible() throws {
        let features = try Self.features(16, 16)
        var configuration = TokenMergeConfiguration()
        configuration.destination = .random
        let merger = try TokenMerger(configuration)
        func destinations(_ seed: UInt64, _ call: Int, _ site: Int) throws -> [Int] {
            let plan = try merger.makePlan(
                features, callIndex: call, seed: seed, siteIndex: site)
            return (plan.layout.keptCount..<plan.layout.mergedCount).map {
                plan.members(ofRow: $0)[0]
            }
        }
        let first = try destinations(1, 0, 0)
        #expect(first == (try destinations(1, 0, 0)))
        #expect(first != (try destinations(2, 0, 0)))
        #expect(first != (try destinations(1, 5, 0)))
        #expect(first != (try destinations(1, 0, 1)))
    }

    /// Destination `first` is the top-left token of each window.
    @Test func firstDestinationIsTopLeft() throws {
        var configuration = TokenMergeConfiguration()
        configuration.destination = .first
        configuration.window = .fixed(3)
        let plan = try TokenMerger(configuration).makePlan(try Self.features(6, 6))
        let destinations = (plan.layout.keptCount..<plan.layout.mergedCount).map {
            plan.members(ofRow: $0)[0]
        }
        #expect(destinations == [0, 3, 18, 21])
    }

    /// At the second refresh the windows are shifted by half a side, across the old borders.
    @Test func shiftedWindowsCrossTheOldBorders() throws {
        var configuration = TokenMergeConfiguration()
        configuration.shiftsWindows = true
        configuration.destination = .first
        configuration.window = .fixed(4)
        configuration.ratio = 1
        let merger = try TokenMerger(configuration)
        let features = try Self.features(8, 8)
        let straight = try merger.makePlan(features, refreshIndex: 0)
        let shifted = try merger.makePlan(features, refreshIndex: 1)
        #expect(straight.layout == shifted.layout)
        #expect(
            straight.members(ofRow: 0).sorted() == [
                0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27,
            ])
        #expect(
            shifted.members(ofRow: 0).sorted()
                == [18, 19, 20, 21, 26, 27, 28, 29, 34, 35, 36, 37, 42, 43, 44, 45])
        // The last window wraps around both edges.
        #expect(
            shifted.members(ofRow: 3).sorted()
                == [0, 1, 6, 7, 8, 9, 14, 15, 48, 49, 54, 55, 56, 57, 62, 63])
        #expect(straight.isIdentical(to: try merger.makePlan(features, refreshIndex: 2)))
    }

    /// The features' element type does not matter if bf16 holds them exactly.
    @Test func bfloat16FeaturesGiveTheSamePlan() throws {
        let exact = values(of: try Self.features(9, 11, channels: 35)).map {
            Float(bitPattern: UInt32(roundedToBFloat16($0)) << 16)
        }
        let shape = TensorShape(batch: 2, height: 9, width: 11, channels: 35)
        for ranking in TokenMergeSourceRanking.allCases {
            var configuration = TokenMergeConfiguration()
            configuration.sourceRanking = ranking
            configuration.window = .fixed(4)
            let merger = try TokenMerger(configuration)
            let single = try merger.makePlan(try makeTensor(exact, shape))
            let half = try merger.makePlan(try makeTensor(exact, shape, type: .bfloat16))
            #expect(single.isIdentical(to: half))
        }
    }

    /// A chequerboard: every token is as similar as every other, however a sum rounds.
    @Test func tiesBySymmetryGoToTheLowestIndex() throws {
        var random = SplitMix64(seed: 12)
        let black = (0..<33).map { _ in random.normal() }
        let white = (0..<33).map { _ in random.normal() }
        let board = (0..<64).flatMap { ($0 / 8 + $0 % 8).isMultiple(of: 2) ? black : white }
        let features = try makeTensor(board, TensorShape(height: 8, width: 8, channels: 33))
        var configuration = TokenMergeConfiguration()
        for side in [2, 4, 8] {
            configuration.window = .fixed(side)
            let plan = try TokenMerger(configuration).makePlan(features)
            #expect(plan.members(ofRow: plan.layout.keptCount)[0] == 0)
        }
    }
}
