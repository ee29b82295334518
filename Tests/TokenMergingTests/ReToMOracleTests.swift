// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import Testing
import TokenMerging

/// The linear-time form against Algorithm 1 to the letter.
@Suite struct ReToMOracleTests {
    /// A grid with everything that varies.
    struct Case {
        var grid: TokenGrid
        var channels: Int
        var batch: Int
        var configuration = TokenMergeConfiguration()
        var side: Int
        var samples: [[Float]]
    }

    /// 1,000 grids, square and not, divisible and not.
    ///
    /// Half of them have features on which arithmetic is exact, so that ties are ties in both
    /// forms; those include zero tokens.
    @Test func thousandRandomGridsGiveThePlanOfTheLiteralForm() throws {
        var random = TestRandom(seed: 2507_12771)
        var tieCount = 0
        for index in 0..<1000 {
            let item = makeCase(index, &random)
            let shape = TensorShape(
                batch: item.batch, height: item.grid.height, width: item.grid.width,
                channels: item.channels)
            let features = try makeTensor(item.samples.flatMap { $0 }, shape)
            let plan = try TokenMerger(item.configuration).makePlan(features)
            let reference = LiteralReToM(
                height: item.grid.height, width: item.grid.width, channels: item.channels,
                side: item.side, ratio: item.configuration.ratio,
                destination: item.configuration.destination,
                ranking: item.configuration.sourceRanking)
            for part in 0..<plan.layout.partCount {
                let samples = plan.layout.samples(of: part).map { item.samples[$0] }
                let expected = reference.windows(samples)
                #expect(plan.layout.groupCount == expected.count)
                #expect(
                    plan.literalWindows(expected, part: part) == expected,
                    "case \(index): \(item.grid), side \(item.side), \(item.configuration)")
            }
            if index.isMultiple(of: 2) { tieCount += 1 }
        }
        #expect(tieCount == 500)
    }

    private func makeCase(_ index: Int, _ random: inout TestRandom) -> Case {
        let grid = TokenGrid(
            height: Int.random(in: 1...13, using: &random),
            width: Int.random(in: 1...13, using: &random))
        let side = [1, 2, 3, 4, 5, 8, 16].randomElement(using: &random) ?? 2
        let batch = Int.random(in: 1...2, using: &random)
        let isExact = index.isMultiple(of: 2)
        let channels =
            isExact
            ? [4, 16, 64].randomElement(using: &random) ?? 4
            : Int.random(in: 3...40, using: &random)
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(side)
        configuration.ratio = [0, 0.25, 0.3, 0.5, 0.7, 0.9, 1].randomElement(using: &random) ?? 0.5
        configuration.destination =
            [.representative, .representative, .least, .first].randomElement(using: &random)
            ?? .representative
        configuration.sourceRanking = Bool.random(using: &random) ? .average : .representative
        configuration.sharing = Bool.random(using: &random) ? .shared : .perSample
        let samples = (0..<batch).map { _ in
            (0..<grid.tokenCount).flatMap { _ in
                isExact
                    ? exactToken(channels, &random)
                    : (0..<channels).map { _ in random.normal() }
            }
        }
        return Case(
            grid: grid, channels: channels, batch: batch, configuration: configuration, side: side,
            samples: samples)
    }

    /// ±2^k in every channel of a power of four: the norm is a power of two, cosines are multiples
    /// of 1 / channels, sums are exact in any order.
    ///
    /// Few distinct values, so ties abound.
    private func exactToken(_ channels: Int, _ random: inout TestRandom) -> [Float] {
        let kind = Int.random(in: 0..<8, using: &random)
        if kind == 0 { return Array(repeating: 0, count: channels) }
        let scale: Float = [0.25, 1, 8].randomElement(using: &random) ?? 1
        let signs = UInt64.random(in: 0..<4, using: &random)
        return (0..<channels).map { channel in
            (signs >> UInt64(channel % 2)) & 1 == 0 ? scale : -scale
        }
    }
}
