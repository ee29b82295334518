// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TokenMerging

/// Algorithm 1 taken literally, with the quadratic similarities of equation 1, on plain arrays: the
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
    /// Whether sources are chosen among the tokens of the whole map.
    var budget = TokenMergeBudget.window
    /// Whether `sim[1:r]` is Python's: r − 1 sources.
    var isSliced = false
    /// How far the map is shifted under the windows, cyclically.
    var shift = 0
    /// The position of a random destination in a window's ranking.
    var pick: (_ window: Int, _ count: Int) -> Int = { _, _ in 0 }

    /// One window's result, raster indices of the map.
    struct Window: Equatable {
        var destination: Int
        var sources: [Int]
        var kept: [Int]
    }

    /// - Parameter samples: each `[height · width · channels]`; their similarities are summed.
    func windows(_ samples: [[Float]]) -> [Window] {
        var result: [Window] = []
        var scores: [Int: Double] = [:]
        for top in stride(from: 0, to: height, by: side) {
            for left in stride(from: 0, to: width, by: side) {
                var tokens: [Int] = []
                for y in top..<min(top + side, height) {
                    for x in left..<min(left + side, width) {
                        tokens.append((y + shift) % height * width + (x + shift) % width)
                    }
                }
                result.append(select(tokens, samples, window: result.count, scores: &scores))
            }
        }
        return budget == .map ? budgeted(result, scores) : result
    }

    /// The windows with the best sources of the whole map.
    private func budgeted(_ windows: [Window], _ scores: [Int: Double]) -> [Window] {
        let count = height * width
        var total = min(Int(Double(count) * ratio), count - windows.count)
        if isSliced { total = max(total - windows.count, 0) }
        let ranking = scores.sorted { ($0.value, -$0.key) > ($1.value, -$1.key) }
        let best = Set(ranking.prefix(total).map(\.key))
        return windows.map { window in
            let others = window.sources + window.kept
            return Window(
                destination: window.destination, sources: others.filter { best.contains($0) },
                kept: others.filter { !best.contains($0) })
        }
    }

    /// - Parameter scores: receives that of every token that may be a source.
    private func select(
        _ tokens: [Int], _ samples: [[Float]], window: Int, scores: inout [Int: Double]
    ) -> Window {
        let n = tokens.count
        guard n > 1 else { return Window(destination: tokens[0], sources: [], kept: []) }
        // cosSim of every pair, summed over the samples.
        var cosines = [Double](repeating: 0, count: n * n)
        for sample in samples { add(sample, tokens, to: &cosines) }
        // Equation 1.
        let similarity = (0..<n).map { i in
            (0..<n).reduce(0) { $1 == i ? $0 : $0 + cosines[i * n + $1] } / Double(n - 1)
        }
        func sorted(_ list: [Int], by key: (Int) -> Double) -> [Int] {
            list.sorted { key($0) > key($1) || (key($0) == key($1) && tokens[$0] < tokens[$1]) }
        }
        let order = sorted(Array(0..<n)) { similarity[$0] }
        let d: Int
        switch destination {
        case .representative: d = order[0]
        case .random: d = order[pick(window, n)]
        case .first: d = 0
        case .least:
            let lowest = order.filter { similarity[$0] == similarity[order[n - 1]] }
            d = lowest[0]
        }
        var rest = order.filter { $0 != d }
        if ranking == .representative { rest = sorted(rest) { cosines[$0 * n + d] } }
        for i in rest {
            scores[tokens[i]] = ranking == .representative ? cosines[i * n + d] : similarity[i]
        }
        var r = min(Int(Double(n) * ratio), n - 1)
        if isSliced, r > 0 { r -= 1 }
        return Window(
            destination: tokens[d], sources: rest[..<r].map { tokens[$0] },
            kept: rest[r...].map { tokens[$0] })
    }

    private func add(_ sample: [Float], _ tokens: [Int], to cosines: inout [Double]) {
        let n = tokens.count
        let rows = tokens.map { token in
            (0..<channels).map { Double(sample[token * channels + $0]) }
        }
        func dot(_ a: [Double], _ b: [Double]) -> Double {
            var sum = 0.0
            for index in a.indices { sum += a[index] * b[index] }
            return sum
        }
        let norms = rows.map { max(dot($0, $0).squareRoot(), 1e-12) }
        for i in 0..<n {
            for j in 0..<i {
                let cosine = dot(rows[i], rows[j]) / (norms[i] * norms[j])
                cosines[i * n + j] += cosine
                cosines[j * n + i] += cosine
            }
        }
    }
}

extension LiteralReToM.Window {
    /// Equation 2: α · D + (1 − α) · mean of the sources, for the mean α = 1 / (r + 1).
    ///
    /// - Parameter sample: `[height · width · channels]`
    func merged(_ sample: [Float], channels: Int, alpha: TokenMergeAlpha) -> [Double] {
        (0..<channels).map { channel in
            func value(_ token: Int) -> Double { Double(sample[token * channels + channel]) }
            guard !sources.isEmpty else { return value(destination) }
            var share = 1 / Double(sources.count + 1)
            if case .weight(let weight) = alpha { share = Double(weight) }
            let mean = sources.reduce(0) { $0 + value($1) } / Double(sources.count)
            return share * value(destination) + (1 - share) * mean
        }
    }
}

extension TokenMergePlan {
    /// The plan in the oracle's terms: kept tokens are assigned to the windows in order.
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
