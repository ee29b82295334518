// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// A key that represents m tokens, with + log m on its logits, counts like m equal keys.
@Suite struct ProportionalAttentionTests {
    /// softmax(q kᵀ / √d + bias) v in f64, one head, row by row.
    static func attention(
        queries: [[Double]], keys: [[Double]], values: [[Double]], bias: [Double]
    ) -> [[Double]] {
        queries.map { query in
            let logits = zip(keys, bias).map { key, extra in
                zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(query.count).squareRoot()
                    + extra
            }
            let weights = logits.map { exp($0 - (logits.max() ?? 0)) }
            let total = weights.reduce(0, +)
            return values[0].indices.map { channel in
                zip(weights, values).reduce(0) { $0 + $1.0 * $1.1[channel] } / total
            }
        }
    }

    static func rows(_ tensor: Tensor) -> [[Double]] {
        (0..<tensor.shape.rowCount).map { row in
            (0..<tensor.shape.channels).map { Double(tensor.floats[row * tensor.rowStride + $0]) }
        }
    }

    /// If the tokens of a group are equal, merged attention with log m equals unmerged attention;
    /// without it, it does not.
    @Test(
        arguments: ["retom", "tome", "atc", "todo"],
        [TokenMergeScope.queriesKeysValues, .keysValues])
    func equalTokensGiveUnmergedAttention(method: String, scope: TokenMergeScope) throws {
        var random = SplitMix64(seed: 31)
        let tiles = (0..<4).map { _ in (0..<6).map { _ in random.normal() } }
        var field: [Float] = []
        for y in 0..<7 {
            // Cells of 2×2 are inside one colour; those of the last row are truncated, so that
            // groups of different colours differ in size.
            for x in 0..<8 { field += tiles[y < 4 ? 0 : x < 4 ? 1 : 2] }
        }
        let features = try makeTensor(field, TensorShape(height: 7, width: 8, channels: 6))
        var configuration = TokenMergeConfiguration(method: method)
        configuration.ratio = 0.9
        configuration.window = .fixed(2)
        let plan = try TokenMerger(configuration).makePlan(features)
        let merged = try plan.merged(features)
        let queries = Self.rows(scope == .keysValues ? features : merged)
        let keys = Self.rows(merged)
        let none = Array(repeating: 0.0, count: 56)
        let whole = Self.rows(features)
        let expected = Self.attention(queries: whole, keys: whole, values: whole, bias: none)

        var logCounts = Array(repeating: Float(0), count: plan.layout.mergedCount)
        logCounts.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { plan.writeLogCounts(to: base) }
        }
        func largestError(_ bias: [Double]) -> Double {
            let output = Self.attention(queries: queries, keys: keys, values: keys, bias: bias)
            let slots = plan.mergedRows()
            return (0..<56).reduce(0) { largest, token in
                let row = output[scope == .keysValues ? token : slots[token]]
                return zip(row, expected[token]).reduce(largest) {
                    max($0, ($1.0 - $1.1).magnitude)
                }
            }
        }
        #expect(largestError(logCounts.map { Double($0) }) < 1e-6)
        #expect(largestError(none) > 1e-3)
    }

    @Test func logCountsAreThoseOfTheGroups() throws {
        var configuration = TokenMergeConfiguration()
        configuration.window = .fixed(4)
        let features = try ReToMTests.features(7, 6, batch: 1)
        let plan = try TokenMerger(configuration).makePlan(features)
        var logCounts = Array(repeating: Float(0), count: plan.layout.mergedCount)
        logCounts.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { plan.writeLogCounts(to: base, scale: 2) }
        }
        for row in 0..<plan.layout.mergedCount {
            #expect(logCounts[row] == 2 * Float(log(Double(plan.members(ofRow: row).count))))
        }
    }
}
