// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import TokenMerging

/// Operation counts against numbers computed by hand.
@Suite struct CostTests {
    /// The transformer blocks of Stable Diffusion 1.x at 512²: 5 + 5 + 5 + 1.
    static let sites: [(site: TokenMergeSite, block: TransformerBlockShape)] =
        [(64, 320, 5), (32, 640, 5), (16, 1280, 5), (8, 1280, 1)].flatMap { size, channels, count in
            (0..<count).map { index in
                let grid = TokenGrid(height: size, width: size)
                let site = TokenMergeSite(
                    index: size * 10 + index, grid: grid, channels: channels,
                    downsample: 64 / size, stage: size == 8 ? .mid : .down)
                return (site, TransformerBlockShape(tokenCount: size * size, channels: channels))
            }
        }

    static func merger(_ change: (inout TokenMergeConfiguration) -> Void = { _ in }) throws
        -> TokenMerger
    {
        var configuration = TokenMergeConfiguration()
        change(&configuration)
        return try TokenMerger(configuration)
    }

    @Test func unmergedBlockByHand() throws {
        let block = TransformerBlockShape(tokenCount: 4096, channels: 320)
        let cost = TransformerBlockCost(block, mergedCount: 4096, merger: try Self.merger())
        #expect(cost.selfProjectionFLOPs == 8 * 4096 * 320 * 320)  // 3.36 G
        #expect(cost.selfProjectionFLOPs == 3_355_443_200)
        #expect(cost.selfAttentionFLOPs == 21_474_836_480)
        #expect(cost.crossProjectionFLOPs == 1_677_721_600 + 75_694_080)
        #expect(cost.crossAttentionFLOPs == 403_701_760)
        #expect(cost.feedForwardFLOPs == 10_066_329_600)
    }

    /// Half the tokens: half the projections, a quarter of the attention; keys and values only:
    /// three quarters and a half.
    @Test func mergedBlockByHand() throws {
        let block = TransformerBlockShape(tokenCount: 4096, channels: 320)
        let all = TransformerBlockCost(block, mergedCount: 2048, merger: try Self.merger())
        #expect(all.selfProjectionFLOPs == 1_677_721_600)
        #expect(all.selfAttentionFLOPs == 5_368_709_120)
        #expect(all.feedForwardFLOPs == 10_066_329_600)
        let keys = try Self.merger { $0.scope = .keysValues }
        let part = TransformerBlockCost(block, mergedCount: 2048, merger: keys)
        // Queries and output stay whole: 4 N C²; keys and values: 4 M C².
        #expect(part.selfProjectionFLOPs == 1_677_721_600 + 838_860_800)
        #expect(part.selfAttentionFLOPs == 10_737_418_240)
        let modules = try Self.merger {
            $0.method = "tome"
            $0.mergesSelfAttention = false
            $0.mergesCrossAttention = true
            $0.mergesFeedForward = true
        }
        let others = TransformerBlockCost(block, mergedCount: 2048, merger: modules)
        #expect(others.selfAttentionFLOPs == 21_474_836_480)
        #expect(others.crossProjectionFLOPs == 838_860_800 + 75_694_080)
        #expect(others.crossAttentionFLOPs == 201_850_880)
        #expect(others.feedForwardFLOPs == 5_033_164_800)
    }

    /// The top level saves 5 · (1.678 + 16.106) = 88.9 G of a call; all levels 28 G more.
    @Test func savingsOfAWholeCall() throws {
        let top = try Self.merger().savedFLOPs(at: Self.sites)
        #expect(top == 5 * (1_677_721_600 + 16_106_127_360))
        let all = try Self.merger { $0.maximumDownsample = 8 }
            .savedFLOPs(at: Self.sites)
        // 32²: N = 1024, C = 640; 16²: N = 256, C = 1280; 8²: N = 64.
        let middle = 5 * (4 * 1024 * 640 * 640 + 3 * 1024 * 1024 * 640)
        let deep = 5 * (4 * 256 * 1280 * 1280 + 3 * 256 * 256 * 1280)
        let bottleneck = 4 * 64 * 1280 * 1280 + 3 * 64 * 64 * 1280
        #expect(all - top == middle + deep + bottleneck)
        let off = try Self.merger { $0.method = "none" }
        #expect(try off.savedFLOPs(at: Self.sites) == 0)
    }

    /// Tokens left of 64² at R = 0.5, method by method.
    @Test(
        arguments: [
            ("none", 4096), ("retom", 2048), ("tome", 2048), ("atc", 2048), ("importance", 2048),
            ("todo", 1024),
        ])
    func tokensLeft(method: String, expected: Int) throws {
        let merger = try Self.merger { $0.method = method }
        let layout = try merger.layout(at: Self.sites[0].site, sampleCount: 2)
        #expect(layout.mergedCount == expected)
    }

    /// ToMeSD caps r at the sources: 1 − 1 / (sx · sy).
    @Test func tomeKeepsItsDestinations() throws {
        let merger = try Self.merger {
            $0.method = "tome"
            $0.ratio = 0.9
        }
        let layout = try merger.layout(at: Self.sites[0].site, sampleCount: 2)
        #expect(layout.mergedCount == 1024 && layout.keptCount == 0)
    }
}
