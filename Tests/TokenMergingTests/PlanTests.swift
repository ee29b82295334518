// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// Properties of every plan of every method.
@Suite struct PlanTests {
    static let methods = ["retom", "tome", "atc", "importance", "todo"]

    static func importance(_ grid: TokenGrid) -> TokenImportanceMap {
        TokenImportanceMap(
            grid: grid, values: (0..<grid.tokenCount).map { Float($0 * 7919 % 101) })
    }

    static func plan(
        _ configuration: TokenMergeConfiguration, _ features: Tensor, callIndex: Int = 3
    ) throws -> TokenMergePlan {
        let grid = TokenGrid(height: features.shape.height, width: features.shape.width)
        return try TokenMerger(configuration).makePlan(
            features, callIndex: callIndex, importance: importance(grid))
    }

    /// Every token is a member of one row and is restored from that row; counts match the layout.
    @Test(arguments: methods, [(8, 8), (7, 5), (1, 9), (12, 9)])
    func namesEveryTokenOnce(method: String, size: (Int, Int)) throws {
        let grid = TokenGrid(height: size.0, width: size.1)
        let shape = TensorShape(batch: 2, height: size.0, width: size.1, channels: 12)
        let features = try makeTensor(
            normalFeatures(grid, batch: 2, channels: 12, seed: 5), shape)
        for ratio in [0.1, 0.5, 0.75, 1] {
            var configuration = TokenMergeConfiguration(method: method)
            configuration.ratio = ratio
            let site = TokenMergeSite(index: 0, grid: grid, channels: 12, downsample: 1)
            let layout = try TokenMerger(configuration).layout(at: site, sampleCount: 2)
            guard !layout.isIdentity else { continue }
            let plan = try Self.plan(configuration, features)
            #expect(plan.layout == layout)
            for part in 0..<plan.layout.partCount {
                let rows = (0..<plan.layout.mergedCount).map { plan.members(ofRow: $0, part: part) }
                #expect(rows.flatMap { $0 }.sorted() == Array(0..<grid.tokenCount))
                let slots = plan.mergedRows(part: part)
                for (row, members) in rows.enumerated() {
                    #expect(members.allSatisfy { slots[$0] == row })
                }
            }
        }
    }

    /// R = 0 makes nothing merge, with every method and at every level.
    @Test(arguments: methods)
    func ratioZeroIsIdentity(method: String) throws {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.ratio = 0
        configuration.maximumDownsample = 8
        let merger = try TokenMerger(configuration)
        for downsample in [1, 2, 4, 8] {
            let site = TokenMergeSite(
                index: 0, grid: TokenGrid(height: 8, width: 8), channels: 4, downsample: downsample)
            #expect(try merger.layout(at: site, sampleCount: 2).isIdentity)
        }
    }

    /// A window of one token, and a ratio too small for a window, leave the features as they are.
    @Test(arguments: [(1, 0.9), (2, 0.2)])
    func untouchedWindowsAreIdentity(side: Int, ratio: Double) throws {
        let grid = TokenGrid(height: 5, width: 7)
        let features = try makeTensor(
            normalFeatures(grid, batch: 2, channels: 9, seed: 6),
            TensorShape(batch: 2, height: 5, width: 7, channels: 9))
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(side)
        configuration.ratio = ratio
        configuration.alpha = .weight(0.3)
        let plan = try Self.plan(configuration, features)
        #expect(plan.layout.isIdentity)
        let back = try plan.unmerged(plan.merged(features))
        #expect(values(of: back) == values(of: features))
    }

    /// unmerge(merge(x)) = x, to the bit, if all tokens of a group are equal.
    @Test(arguments: [ElementType.float32, .bfloat16], [TokenMergeAlpha.mean, .weight(0.25)])
    func windowConstantFieldsSurvive(type: ElementType, alpha: TokenMergeAlpha) throws {
        var random = SplitMix64(seed: 8)
        let (height, width, channels, side) = (8, 12, 19, 4)
        let tiles = (0..<6).map { _ in (0..<channels).map { _ in random.normal() } }
        var field: [Float] = []
        for y in 0..<height {
            for x in 0..<width { field += tiles[y / side * (width / side) + x / side] }
        }
        let features = try makeTensor(
            field, TensorShape(height: height, width: width, channels: channels), type: type)
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(side)
        configuration.ratio = 0.7
        configuration.alpha = alpha
        let plan = try Self.plan(configuration, features)
        let back = try plan.unmerged(plan.merged(features))
        #expect(values(of: back) == values(of: features))
    }

    /// α = 1 is pruning: a merged row is its destination.
    @Test func alphaOneIsPruning() throws {
        let grid = TokenGrid(height: 6, width: 6)
        let features = try makeTensor(
            normalFeatures(grid, batch: 1, channels: 20, seed: 9),
            TensorShape(height: 6, width: 6, channels: 20))
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(3)
        configuration.alpha = .weight(1)
        let plan = try Self.plan(configuration, features)
        let merged = values(of: try plan.merged(features))
        let input = values(of: features)
        for row in 0..<plan.layout.mergedCount {
            let token = plan.members(ofRow: row)[0]
            #expect(
                Array(merged[(row * 20)..<(row * 20 + 20)])
                    == Array(input[(token * 20)..<(token * 20 + 20)]))
        }
    }

    /// Equation 2 on plain numbers: α D + (1 − α) mean S, for the mean α = 1 / (r + 1).
    @Test(
        arguments: [TokenMergeAlpha.mean, .weight(0), .weight(0.5)],
        [ElementType.float32, .bfloat16])
    func mergedRowsFollowEquationTwo(alpha: TokenMergeAlpha, type: ElementType) throws {
        let (height, width, channels) = (7, 9, 37)
        let grid = TokenGrid(height: height, width: width)
        let features = try makeTensor(
            normalFeatures(grid, batch: 2, channels: channels, seed: 10),
            TensorShape(batch: 2, height: height, width: width, channels: channels), type: type,
            rowStride: 50)
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(4)
        configuration.ratio = 0.6
        configuration.alpha = alpha
        let plan = try Self.plan(configuration, features)
        let merged = values(of: try plan.merged(features))
        let input = values(of: features)
        let tolerance = type == .float32 ? 1e-6 : 1 / 256.0
        for sample in 0..<2 {
            for row in 0..<plan.layout.mergedCount {
                let members = plan.members(ofRow: row)
                for channel in 0..<channels {
                    let column = members.map {
                        Double(input[(sample * grid.tokenCount + $0) * channels + channel])
                    }
                    let sources = column.dropFirst()
                    var share = 1 / Double(column.count)
                    if case .weight(let weight) = alpha { share = Double(weight) }
                    let mean = sources.reduce(0, +) / Double(max(sources.count, 1))
                    let expected =
                        sources.isEmpty ? column[0] : share * column[0] + (1 - share) * mean
                    let index = (sample * plan.layout.mergedCount + row) * channels + channel
                    let difference = (Double(merged[index]) - expected).magnitude
                    #expect(difference <= tolerance * max(1, expected.magnitude))
                }
            }
        }
    }

    /// Threads and strides change nothing; the residual form adds what `unmerge` copies.
    @Test func teamsAndStridesGiveTheSameBits() throws {
        let (height, width, channels) = (16, 16, 40)
        let grid = TokenGrid(height: height, width: width)
        let shape = TensorShape(batch: 2, height: height, width: width, channels: channels)
        let numbers = normalFeatures(grid, batch: 2, channels: channels, seed: 11)
        let plain = try makeTensor(numbers, shape)
        let strided = try makeTensor(numbers, shape, rowStride: 64)
        var configuration = TokenMergeConfiguration()
        configuration.sharing = .perSample
        let plan = try Self.plan(configuration, plain)
        #expect(plan.isIdentical(to: try Self.plan(configuration, strided)))
        let merged = try plan.merged(plain)
        let other = try makeTensor(
            Array(repeating: 0, count: merged.shape.elementCount), merged.shape, rowStride: 48)
        plan.merge(strided, into: other, lane: try testLane(threadCount: 2))
        #expect(values(of: other) == values(of: merged))
        let sum = try makeTensor(numbers, shape)
        plan.unmergeAdding(merged, into: sum, lane: try testLane(threadCount: 2))
        let expected = zip(numbers, values(of: try plan.unmerged(merged))).map { $0 + $1 }
        #expect(values(of: sum) == expected)
        // One sample at a time, as lanes do.
        let second = try makeTensor(
            Array(repeating: 0, count: merged.shape.elementCount / 2),
            TensorShape(tokens: plan.layout.mergedCount, channels: channels))
        plan.merge(plain.batch(1..<2), into: second, firstSample: 1, lane: try testLane())
        #expect(values(of: second) == values(of: merged.batch(1..<2)))
    }
}
