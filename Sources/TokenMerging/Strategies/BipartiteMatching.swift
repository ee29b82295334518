// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// Soft bipartite matching over the whole map (ToMe, ToMeSD): every source finds its most similar
/// destination, and the r best edges merge.
///
/// The strategy chooses destinations and sources; each list is in the order that breaks ties: the
/// first of equally similar destinations, the lowest of equally good sources.
struct BipartiteMatching {
    /// `[destinationCount]`, then `[sourceCount]` follow from these.
    let destinations: UnsafeMutablePointer<Int32>
    let sources: UnsafeMutablePointer<Int32>
    /// Similarity of each token to its destination, by token.
    let scores: UnsafeMutablePointer<Double>
    private let bestDestinations: UnsafeMutablePointer<Int32>
    private let firstSources: UnsafeMutablePointer<Int32>
    private let nextSources: UnsafeMutablePointer<Int32>
    private let isDestination: UnsafeMutablePointer<Bool>
    private let tokenCount: Int
    private let rows: UnitRows
    /// Products of one block of sources with all destinations.
    private let products: UnsafeMutablePointer<Float>
    private(set) var destinationCount = 0
    private(set) var sourceCount = 0

    /// Sources whose products are kept at once.
    private static let blockCount = 512

    static func byteCount(tokenCount: Int, destinationCount: Int, channels: Int) -> Int {
        5 * TokenMergeScratch.byteCount(Int32.self, tokenCount)
            + TokenMergeScratch.byteCount(Double.self, tokenCount)
            + TokenMergeScratch.byteCount(Bool.self, tokenCount)
            + TokenMergeScratch.byteCount(Float.self, blockCount * destinationCount)
            + UnitRows.byteCount(tokenCount: tokenCount, channels: channels)
    }

    /// - Parameter destinationCount: the largest count that `split` will receive.
    init(_ features: TokenFeatures, destinationCount: Int, _ scratch: TokenMergeScratch) {
        tokenCount = features.tokenCount
        rows = UnitRows(features, scratch)
        products = scratch.take(Float.self, Self.blockCount * destinationCount)
        destinations = scratch.take(Int32.self, tokenCount)
        sources = scratch.take(Int32.self, tokenCount)
        bestDestinations = scratch.take(Int32.self, tokenCount)
        firstSources = scratch.take(Int32.self, tokenCount)
        nextSources = scratch.take(Int32.self, tokenCount)
        scores = scratch.take(Double.self, tokenCount)
        isDestination = scratch.take(Bool.self, tokenCount)
    }

    /// Uses the first `count` of `destinations`; every other token becomes a source, in raster
    /// order.
    mutating func split(destinationCount count: Int) {
        destinationCount = count
        isDestination.update(repeating: false, count: tokenCount)
        for index in 0..<count { isDestination[Int(destinations[index])] = true }
        sourceCount = 0
        for token in 0..<tokenCount where !isDestination[token] {
            sources[sourceCount] = Int32(truncatingIfNeeded: token)
            sourceCount += 1
        }
    }

    /// Finds the most similar destination of every source of one sample.
    func match(_ features: TokenFeatures, sample: Int, _ context: TokenMergeContext) {
        rows.load(features, sample: sample, tokens: destinations, count: destinationCount)
        rows.load(
            features, sample: sample, tokens: sources, count: sourceCount, start: destinationCount)
        for start in stride(from: 0, to: sourceCount, by: Self.blockCount) {
            let block = start..<min(start + Self.blockCount, sourceCount)
            context.team.split(block.count, grain: 32) { part in
                let products = self.products + part.lowerBound * destinationCount
                context.products.multiply(
                    rows[destinationCount + start + part.lowerBound], part.count, rows[0],
                    destinationCount, depth: rows.depth, into: products,
                    outputStride: destinationCount)
                for index in part {
                    chooseDestination(
                        of: Int(sources[start + index]),
                        self.products + index * destinationCount)
                }
            }
        }
    }

    /// The first of the highest products; the first of all if none is a number.
    private func chooseDestination(of token: Int, _ products: UnsafePointer<Float>) {
        var highest = -Float.infinity
        var best = 0
        for index in 0..<destinationCount where products[index] > highest {
            highest = products[index]
            best = index
        }
        scores[token] = Double(highest)
        bestDestinations[token] = Int32(truncatingIfNeeded: best)
    }

    /// Merges the `mergedCount` sources with the highest scores; the others are kept, and each
    /// destination gets its sources in raster order.
    func write(mergedCount: Int, layout: TokenMergeLayout, to writer: inout TokenMergePlanWriter) {
        rankTokens(sources, count: sourceCount, scores: scores)
        let none: Int32 = -1
        for index in mergedCount..<sourceCount { bestDestinations[Int(sources[index])] = none }
        firstSources.update(repeating: none, count: destinationCount)
        for token in stride(from: tokenCount - 1, through: 0, by: -1) where !isDestination[token] {
            let destination = bestDestinations[token]
            guard destination != none else { continue }
            nextSources[token] = firstSources[Int(destination)]
            firstSources[Int(destination)] = Int32(truncatingIfNeeded: token)
        }
        var kept = 0
        for token in 0..<tokenCount where !isDestination[token] && bestDestinations[token] == none {
            // A layout with more groups than destinations: a single token is a group, too.
            if kept < layout.keptCount {
                writer.keep(Int32(truncatingIfNeeded: token))
            } else {
                writer.beginGroup(destination: Int32(truncatingIfNeeded: token))
            }
            kept += 1
        }
        for index in 0..<destinationCount {
            writer.beginGroup(destination: destinations[index])
            var source = firstSources[index]
            while source != none {
                writer.addSource(source)
                source = nextSources[Int(source)]
            }
        }
    }
}

/// Destinations of ToMeSD: one per cell of sx · sy tokens; truncated cells at the edges have none.
struct DestinationGrid {
    let grid: TokenGrid
    let strideX: Int
    let strideY: Int

    /// ⌊h / sy⌋ · ⌊w / sx⌋.
    var count: Int { (grid.height / strideY) * (grid.width / strideX) }

    /// Writes one token of each cell: a random one, or the top-left one without a stream.
    func write(to destinations: UnsafeMutablePointer<Int32>, random: TokenMergeRandom?) {
        let columns = grid.width / strideX
        for cell in 0..<count {
            let (row, column) = cell.quotientAndRemainder(dividingBy: columns)
            let pick = random?.index(below: strideX * strideY, counter: cell) ?? 0
            let (dy, dx) = pick.quotientAndRemainder(dividingBy: strideX)
            let token = (row * strideY + dy) * grid.width + column * strideX + dx
            destinations[cell] = Int32(truncatingIfNeeded: token)
        }
    }
}
