// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// The linear-time form against the literal Algorithm 1.
@Suite struct ReToMOracleTests {
    /// A grid with everything that varies.
    struct Case {
        var grid: TokenGrid
        var channels: Int
        var type: ElementType
        var configuration = TokenMergeConfiguration()
        var side: Int
        var isShifted: Bool
        /// Rounded to the element type.
        var samples: [[Float]]
    }

    /// 1,000 grids, square and not, divisible and not, of f32 and bf16; one in ten is large.
    ///
    /// Half of them have features on which arithmetic is exact, so that ties are ties in both
    /// forms; those include zero tokens.
    @Test func thousandRandomGridsGiveThePlanOfTheLiteralForm() throws {
        var random = SplitMix64(seed: 2507_12771)
        for index in 0..<1000 {
            let item = makeCase(index, &random)
            let shape = TensorShape(
                batch: item.samples.count, height: item.grid.height, width: item.grid.width,
                channels: item.channels)
            let features = try makeTensor(item.samples.flatMap { $0 }, shape, type: item.type)
            let plan = try TokenMerger(item.configuration).makePlan(
                features, callIndex: index, refreshIndex: item.isShifted ? 1 : 0, seed: 77,
                siteIndex: 5)
            let reference = literal(item, callIndex: index)
            let merged = values(of: try plan.merged(features))
            for part in 0..<plan.layout.partCount {
                let samples = plan.layout.samples(of: part)
                let expected = reference.windows(samples.map { item.samples[$0] })
                #expect(plan.layout.groupCount == expected.count)
                let isEqual = plan.literalWindows(expected, part: part) == expected
                #expect(
                    isEqual,
                    "case \(index): \(item.grid), side \(item.side), \(item.configuration)")
                for sample in samples {
                    let start = sample * plan.layout.mergedCount + plan.layout.keptCount
                    let error = mergeError(
                        expected, merged[(start * item.channels)...], item.samples[sample], item)
                    // Units in the last place of what the element type holds.
                    #expect(error < (item.type == .float32 ? 1e-6 : 1.0 / 128), "case \(index)")
                }
            }
        }
    }

    /// The largest error of the merged rows, relative to their members.
    private func mergeError(
        _ windows: [LiteralReToM.Window], _ rows: ArraySlice<Float>, _ sample: [Float], _ item: Case
    ) -> Double {
        var error = 0.0
        for (index, window) in windows.enumerated() {
            let expected = window.merged(
                sample, channels: item.channels, alpha: item.configuration.alpha)
            for (channel, value) in expected.enumerated() {
                let found = rows[rows.startIndex + index * item.channels + channel]
                error = max(error, (Double(found) - value).magnitude / max(8, value.magnitude))
            }
        }
        return error
    }

    private func literal(_ item: Case, callIndex: Int) -> LiteralReToM {
        let configuration = item.configuration
        let stream = DocumentedStream(seed: 77, callIndex: callIndex, siteIndex: 5)
        let side = min(item.side, max(item.grid.height, item.grid.width))
        return LiteralReToM(
            height: item.grid.height, width: item.grid.width, channels: item.channels,
            side: item.side, ratio: configuration.ratio, destination: configuration.destination,
            ranking: configuration.sourceRanking, budget: configuration.budget,
            isSliced: configuration.slicesSources,
            shift: item.isShifted ? side / 2 : 0,
            pick: { window, count in stream.index(below: count, counter: window) })
    }

    private func makeCase(_ index: Int, _ random: inout SplitMix64) -> Case {
        func choose<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: values.indices, using: &random)]
        }
        let isLarge = index % 10 == 9
        let sides = isLarge ? 14...40 : 1...13
        let grid = TokenGrid(
            height: Int.random(in: sides, using: &random),
            width: Int.random(in: sides, using: &random))
        let isExact = isLarge ? index % 20 == 9 : index.isMultiple(of: 2)
        let channels =
            isExact
            ? choose(isLarge ? [4, 16] : [4, 16, 64])
            : Int.random(in: 3...(isLarge ? 17 : 40), using: &random)
        let type = choose([ElementType.float32, .bfloat16])
        var configuration = TokenMergeConfiguration()
        let side = choose([1, 2, 3, 4, 5, 8, 16])
        configuration.window = .fixed(side)
        configuration.ratio = choose([0, 0.25, 0.3, 0.5, 0.7, 0.9, 1])
        configuration.destination = choose(
            [.representative, .representative] + TokenMergeDestination.allCases)
        configuration.sourceRanking = choose(TokenMergeSourceRanking.allCases)
        configuration.budget = choose(TokenMergeBudget.allCases)
        configuration.slicesSources = choose([false, false, false, true])
        configuration.sharing = choose(TokenMergeSharing.allCases)
        configuration.alpha = choose([.mean, .mean, .weight(0), .weight(0.25), .weight(1)])
        let samples = (0..<Int.random(in: 1...2, using: &random)).map { _ in
            (0..<grid.tokenCount).flatMap { _ in
                isExact
                    ? exactToken(channels, &random)
                    : (0..<channels).map { _ in held(random.normal(), by: type) }
            }
        }
        return Case(
            grid: grid, channels: channels, type: type, configuration: configuration, side: side,
            isShifted: Bool.random(using: &random), samples: samples)
    }

    private func held(_ value: Float, by type: ElementType) -> Float {
        type == .float32 ? value : Float(bitPattern: UInt32(roundedToBFloat16(value)) << 16)
    }

    /// ±2^k in every channel of a power of four: the norm is a power of two, cosines are multiples
    /// of 1 / channels, sums are exact in any order.
    ///
    /// Few distinct values, so ties abound.
    private func exactToken(_ channels: Int, _ random: inout SplitMix64) -> [Float] {
        let kind = Int.random(in: 0..<8, using: &random)
        if kind == 0 { return Array(repeating: 0, count: channels) }
        let scale: Float = [0.25, 1, 8].randomElement(using: &random) ?? 1
        let signs = UInt64.random(in: 0..<4, using: &random)
        return (0..<channels).map { channel in
            (signs >> UInt64(channel % 2)) & 1 == 0 ? scale : -scale
        }
    }
}

/// The merging stream, reimplemented from its description: SplitMix64's finalizer of a key and a
/// counter.
struct DocumentedStream {
    private let key: UInt64

    init(seed: UInt64, callIndex: Int, siteIndex: Int) {
        var key = Self.mix(seed ^ 0x5265_546F_4D00_0001)
        key = Self.mix(key &+ UInt64(callIndex))
        self.key = Self.mix(key &+ UInt64(siteIndex))
    }

    func index(below bound: Int, counter: Int) -> Int {
        let bits = Self.mix(key &+ UInt64(counter) &* 0x9E37_79B9_7F4A_7C15)
        return Int((UInt128(bits) * UInt128(bound)) >> 64)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
