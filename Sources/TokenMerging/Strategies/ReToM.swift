// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Local representative token guided merging (Lee, Kim, Lee, arXiv 2507.12771), Algorithm 1.
///
/// Line numbers of the algorithm mark the corresponding code. Lines 5, 9–11 and 16 (the period
/// and the cache) are `TokenMergePlanCache`'s, line 15 (equation 2) is `TokenMergePlan.merge`.
package struct ReToM: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "retom", displayName: "ReToM",
        options: TokenMergeOption.common.union([
            .window, .alpha, .destination, .sourceRanking, .budget, .slice, .shift, .sharing,
        ]), defaultPeriod: 5, defaultFeatureSource: .attentionInput)

    private let window: TokenMergeWindow
    private let alpha: TokenMergeAlpha
    private let destination: TokenMergeDestination
    private let ranking: TokenMergeSourceRanking
    private let budget: TokenMergeBudget
    private let slicesSources: Bool
    private let shiftsWindows: Bool
    private let isShared: Bool

    package init(configuration: TokenMergeConfiguration) {
        window = configuration.window
        alpha = configuration.alpha
        destination = configuration.destination
        ranking = configuration.sourceRanking
        budget = configuration.budget
        slicesSources = configuration.slicesSources
        shiftsWindows = configuration.shiftsWindows
        isShared = configuration.sharing == .shared
    }

    /// With shared plans, similarities are summed over the halves of a guided batch.
    package var sharesPlans: Bool { isShared }

    /// Line 4: r ← N_W · R.
    ///
    /// At least one token is left, so that it can receive the others. Line 14 read as Python's
    /// slice takes one source fewer.
    private func sourceCount(_ windowTokenCount: Int, ratio: Double) -> Int {
        let count = TokenMergeMath.count(
            windowTokenCount, times: ratio, atMost: windowTokenCount - 1)
        return slicesSources ? max(count - 1, 0) : count
    }

    /// Sources of the whole map: Σ r over its windows, or N · R with a budget for the map.
    private func countSources(_ windows: TokenWindows, ratio: Double) -> Int {
        var total = 0
        switch budget {
        case .window:
            windows.forEachClass { tokenCount, windowCount in
                total += windowCount * sourceCount(tokenCount, ratio: ratio)
            }
        case .map:
            let tokenCount = windows.grid.tokenCount
            total = TokenMergeMath.count(
                tokenCount, times: ratio, atMost: tokenCount - windows.count)
            if slicesSources { total = max(total - windows.count, 0) }
        }
        return total
    }

    /// M = N − Σ r.
    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) -> TokenMergeLayout {
        let windows = TokenWindows(grid: site.grid, side: window.side(at: site))
        let sourceTotal = countSources(windows, ratio: ratio)
        return TokenMergeLayout(
            grid: site.grid, ratio: ratio, sampleCount: sampleCount, isShared: isShared,
            keptCount: site.grid.tokenCount - sourceTotal - windows.count,
            groupCount: windows.count,
            scratchByteCount: ReToMScratch.byteCount(
                windows, budget, sampleCount: sampleCount, channels: site.channels))
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        // Every second refresh compares across the borders of the previous windows.
        let isShifted = shiftsWindows && !context.refreshIndex.isMultiple(of: 2)
        // Line 3: divide the input tokens into windows.
        let windows = TokenWindows(
            grid: plan.layout.grid, side: window.side(at: context.site), isShifted: isShifted)
        let memory = ReToMScratch(
            windows, budget, sampleCount: plan.layout.sampleCount, channels: features.channels,
            scratch)
        for part in 0..<plan.layout.partCount {
            let rows = ReToMSimilarity(
                features: features, samples: plan.layout.samples(of: part), windows: windows,
                memory: memory)
            // Lines 6–8: average similarities of every token in its window.
            rows.computeAverageSimilarities()
            // Lines 4 and 12–14.
            let ratio = plan.layout.ratio
            plan.fill(part: part, alpha: alpha) { writer in
                switch budget {
                case .window:
                    for index in 0..<windows.count {
                        let tokens = memory.tokens
                        let count = rankWindow(windows, index, rows, context, into: tokens)
                        writer.beginGroup(destination: tokens[0])
                        let sourceCount = sourceCount(count, ratio: ratio)
                        // Line 14: S ← sim(x_i, W)[1 : r], the top-r similar tokens.
                        for place in 1..<count {
                            writer.add(tokens[place], isSource: place <= sourceCount)
                        }
                    }
                case .map:
                    selectTokens(
                        windows, countSources(windows, ratio: ratio), rows, context, &writer)
                }
            }
        }
    }

    /// Line 14 with a budget for the map: the most similar of all windows' tokens, each to its own
    /// destination, are the sources.
    private func selectTokens(
        _ windows: TokenWindows, _ sourceTotal: Int, _ rows: ReToMSimilarity,
        _ context: TokenMergeContext, _ writer: inout TokenMergePlanWriter
    ) {
        let memory = rows.memory
        // Every window's tokens, ranked, one window after another.
        var start = 0
        var candidateCount = 0
        for window in 0..<windows.count {
            let tokens = memory.ranked + start
            let count = rankWindow(windows, window, rows, context, into: tokens)
            for place in 1..<count {
                let token = Int(tokens[place])
                if ranking == .average {
                    // Windows at the edges may be smaller: here equation 1's division counts.
                    memory.sourceScores[token] = memory.similarities[token] / Double(count - 1)
                }
                memory.candidates[candidateCount] = tokens[place]
                candidateCount += 1
            }
            start += count
        }
        rankTokens(
            memory.candidates, count: candidateCount, scores: memory.sourceScores)
        memory.isSource.update(repeating: false, count: windows.grid.tokenCount)
        for place in 0..<sourceTotal { memory.isSource[Int(memory.candidates[place])] = true }
        start = 0
        for window in 0..<windows.count {
            let tokens = memory.ranked + start
            let count = windows.tokenCount(of: window)
            writer.beginGroup(destination: tokens[0])
            for place in 1..<count {
                writer.add(tokens[place], isSource: memory.isSource[Int(tokens[place])])
            }
            start += count
        }
    }

    /// Lines 12 and 13 for one window: its tokens in the order in which they may be sources, after the
    /// destination.
    ///
    /// - Returns: their number.
    private func rankWindow(
        _ windows: TokenWindows, _ window: Int, _ rows: ReToMSimilarity,
        _ context: TokenMergeContext, into tokens: UnsafeMutablePointer<Int32>
    ) -> Int {
        let count = windows.tokens(of: window, into: tokens)
        let topLeft = tokens[0]
        // "The average similarity values are then sorted in descending order."
        rankTokens(tokens, count: count, scores: rows.memory.similarities)
        // Line 13: D ← sim(x_i, W)[0], the most representative token.
        moveToFront(
            destinationIndex(tokens, count, topLeft, window, rows, context), of: tokens)
        if ranking == .representative, count > 1 {
            rows.computeSimilarities(to: tokens[0], of: tokens + 1, count: count - 1)
            rankTokens(
                tokens + 1, count: count - 1, scores: rows.memory.sourceScores)
        }
        return count
    }

    /// The position of D in a window's ranking; Tables I and II compare the choices.
    private func destinationIndex(
        _ tokens: UnsafeMutablePointer<Int32>, _ count: Int, _ topLeft: Int32, _ window: Int,
        _ rows: ReToMSimilarity, _ context: TokenMergeContext
    ) -> Int {
        switch destination {
        case .representative:
            return 0
        case .random:
            return context.random.index(below: count, counter: window)
        case .first:
            return (0..<count).first { tokens[$0] == topLeft } ?? 0
        case .least:
            // The lowest of several equally low tokens comes first among them.
            let scores = rows.memory.similarities
            var index = count - 1
            while index > 0, scores[Int(tokens[index - 1])] == scores[Int(tokens[index])] {
                index -= 1
            }
            return index
        }
    }

    /// Moves D to the front and keeps the order of the others.
    private func moveToFront(_ index: Int, of tokens: UnsafeMutablePointer<Int32>) {
        let token = tokens[index]
        for place in stride(from: index, to: 0, by: -1) { tokens[place] = tokens[place - 1] }
        tokens[0] = token
    }
}
