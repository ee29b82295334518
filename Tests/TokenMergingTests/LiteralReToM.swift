// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TokenMerging

/// Algorithm 1 to the letter, with the quadratic similarities of equation 1, on plain arrays: the
/// oracle of the fast form.
///
/// It shares no code with it.
struct LiteralReToM {
    var height: Int
    var width: Int
    var channels: Int
    var side: Int
    var ratio: Double
    var destination = TokenMergeDestination.representative
    var ranking = TokenMergeSourceRanking.average

    /// One window's outcome, raster indices of the map.
    struct Window: Equatable {
        var destination: Int
        var sources: [Int]
        var kept: [Int]
    }

    /// - Parameter samples: each `[height · width · channels]`; their similarities are added.
    func windows(_ samples: [[Float]]) -> [Window] {
        var result: [Window] = []
        for top in stride(from: 0, to: height, by: side) {
            for left in stride(from: 0, to: width, by: side) {
                var tokens: [Int] = []
                for y in top..<min(top + side, height) {
                    for x in left..<min(left + side, width) { tokens.append(y * width + x) }
                }
                result.append(select(tokens, samples))
            }
        }
        return result
    }

    private func select(_ tokens: [Int], _ samples: [[Float]]) -> Window {
        let n = tokens.count
        guard n > 1 else { return Window(destination: tokens[0], sources: [], kept: []) }
        // Equation 1.
        var similarity: [Int: Double] = [:]
        for i in tokens {
            var sum = 0.0
            for sample in samples {
                for j in tokens where j != i { sum += cosine(sample, i, j) }
            }
            similarity[i] = sum / Double(n - 1)
        }
        func sorted(_ list: [Int], by key: (Int) -> Double) -> [Int] {
            list.sorted { key($0) > key($1) || (key($0) == key($1) && $0 < $1) }
        }
        let order = sorted(tokens) { similarity[$0] ?? 0 }
        let d: Int
        switch destination {
        case .representative: d = order[0]
        case .least:
            let lowest = tokens.map { similarity[$0] ?? 0 }.min() ?? 0
            d = tokens.filter { similarity[$0] == lowest }.min() ?? 0
        default: d = tokens[0]
        }
        var rest = order.filter { $0 != d }
        if ranking == .representative {
            rest = sorted(rest) { token in
                samples.reduce(0) { $0 + cosine($1, token, d) }
            }
        }
        let r = min(Int(Double(n) * ratio), n - 1)
        return Window(destination: d, sources: Array(rest[..<r]), kept: Array(rest[r...]))
    }

    private func cosine(_ sample: [Float], _ i: Int, _ j: Int) -> Double {
        func dot(_ a: Int, _ b: Int) -> Double {
            (0..<channels).reduce(0) {
                $0 + Double(sample[a * channels + $1]) * Double(sample[b * channels + $1])
            }
        }
        let norms = max(dot(i, i).squareRoot(), 1e-12) * max(dot(j, j).squareRoot(), 1e-12)
        return dot(i, j) / norms
    }
}

extension TokenMergePlan {
    /// The plan in the oracle's terms: kept tokens are dealt out to the windows in order.
    func literalWindows(_ reference: [LiteralReToM.Window], part: Int = 0) -> [LiteralReToM.Window]
    {
        var kept = 0
        return reference.indices.map { index in
            let members = members(ofRow: layout.keptCount + index, part: part)
            let count = reference[index].kept.count
            let keptTokens = (kept..<min(kept + count, layout.keptCount)).map {
                self.members(ofRow: $0, part: part)[0]
            }
            kept += count
            return LiteralReToM.Window(
                destination: members[0], sources: Array(members.dropFirst()), kept: keptTokens)
        }
    }
}
