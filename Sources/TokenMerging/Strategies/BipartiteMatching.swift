// SPDX-License-Identifier: Apache-2.0

/// Soft bipartite matching over the whole map (ToMe, ToMeSD): every source finds its most similar
/// destination, and the r best edges merge.
///
/// Destinations and sources are chosen by the strategy; each list is in the order that decides
/// ties: the first of equally similar destinations, the lowest of equally good sources.
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
    private(set) var destinationCount = 0
    private(set) var sourceCount = 0

    static func byteCount(tokenCount: Int) -> Int {
        5 * TokenMergeScratch.byteCount(Int32.self, tokenCount)
            + TokenMergeScratch.byteCount(Double.self, tokenCount)
            + TokenMergeScratch.byteCount(Bool.self, tokenCount)
    }

    init(tokenCount: Int, _ scratch: TokenMergeScratch) {
        self.tokenCount = tokenCount
        destinations = scratch.take(Int32.self, tokenCount)
        sources = scratch.take(Int32.self, tokenCount)
        bestDestinations = scratch.take(Int32.self, tokenCount)
        firstSources = scratch.take(Int32.self, tokenCount)
        nextSources = scratch.take(Int32.self, tokenCount)
        scores = scratch.take(Double.self, tokenCount)
        isDestination = scratch.take(Bool.self, tokenCount)
    }

    /// Takes the first `count` of `destinations`; every other token becomes a source, in raster
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

    /// Finds the most similar destination of every source.
    func match(_ rows: UnitRows) {
        for index in 0..<sourceCount { scores[Int(sources[index])] = -.infinity }
        rows.forEachProduct(sources, sourceCount, destinations, destinationCount) {
            source, destination, product in
            let token = Int(sources[source])
            if Double(product) > scores[token] {
                scores[token] = Double(product)
                bestDestinations[token] = Int32(truncatingIfNeeded: destination)
            }
        }
        // A row that is not a number is similar to none; it still needs a destination.
        for index in 0..<sourceCount where scores[Int(sources[index])] == -.infinity {
            bestDestinations[Int(sources[index])] = 0
        }
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
            // A layout with more groups than destinations: a token alone is a group, too.
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

/// Destinations of ToMeSD: one per cell of sx · sy tokens; cells that the map cuts off have none.
struct DestinationGrid {
    let grid: TokenGrid
    let strideX: Int
    let strideY: Int

    /// ⌊h / sy⌋ · ⌊w / sx⌋
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
