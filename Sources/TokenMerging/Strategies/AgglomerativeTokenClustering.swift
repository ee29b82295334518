// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import TensorKit

/// Agglomerative token clustering (Haurum, Escalera, Taylor, Moeslund, ECCV 2024) as in its Stable
/// Diffusion code: cosine distances of all tokens, N − r clusters per sample, the mean of each.
///
/// Inherently slow; included for comparison.
package struct AgglomerativeTokenClustering: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(
        name: "atc", displayName: "ATC", options: TokenMergeOption.common.union([.linkage]))

    /// More tokens would need more than 340 MB of distances.
    package static let tokenCountMax = 96 * 96

    /// Tokens whose products are kept at once.
    private static let blockCount = 128

    private let linkage: TokenMergeLinkage

    package init(configuration: TokenMergeConfiguration) { linkage = configuration.linkage }

    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) throws(TokenMergeConfigurationError) -> TokenMergeLayout {
        let count = site.grid.tokenCount
        let mergedCount = TokenMergeMath.count(count, times: ratio, atMost: count - 1)
        guard mergedCount > 0 else { return .identity(site.grid, sampleCount: sampleCount) }
        guard count <= Self.tokenCountMax else {
            throw .tooManyTokens(
                method: Self.traits.name, count: count, limit: Self.tokenCountMax)
        }
        return TokenMergeLayout(
            grid: site.grid, ratio: ratio, sampleCount: sampleCount, isShared: false, keptCount: 0,
            groupCount: count - mergedCount,
            scratchByteCount: AgglomerativeClustering.byteCount(count)
                + UnitRows.byteCount(tokenCount: count, channels: site.channels)
                + 3 * TokenMergeScratch.byteCount(Int32.self, count)
                + TokenMergeScratch.byteCount(Float.self, Self.blockCount * count))
    }

    package func fill(
        _ plan: inout TokenMergePlan, from features: TokenFeatures, context: TokenMergeContext,
        scratch: TokenMergeScratch
    ) {
        let layout = plan.layout
        let count = layout.tokenCount
        let clustering = AgglomerativeClustering(count: count, scratch)
        let rows = UnitRows(features, scratch)
        let roots = scratch.take(Int32.self, count)
        let nextMember = scratch.take(Int32.self, count)
        let tokens = scratch.take(Int32.self, count)
        let products = scratch.take(Float.self, Self.blockCount * count)
        for token in 0..<count { tokens[token] = Int32(token) }
        for part in 0..<layout.partCount {
            rows.load(features, sample: part, tokens: tokens, count: count)
            for first in stride(from: 0, to: count - 1, by: Self.blockCount) {
                writeDistances(first, rows, products, context, clustering)
            }
            clustering.cluster(linkage, into: layout.mergedCount, roots: roots)
            linkMembers(roots, nextMember, count)
            plan.fill(part: part, alpha: .mean) { writer in
                for token in 0..<count where roots[token] == Int32(token) {
                    writer.beginGroup(destination: Int32(token))
                    var member = nextMember[token]
                    while member >= 0 {
                        writer.addSource(member)
                        member = nextMember[Int(member)]
                    }
                }
            }
        }
    }

    /// Distances 1 − cosSim from a block of tokens to all later tokens.
    private func writeDistances(
        _ start: Int, _ rows: UnitRows, _ products: UnsafeMutablePointer<Float>,
        _ context: TokenMergeContext, _ clustering: AgglomerativeClustering
    ) {
        let count = clustering.count
        let block = min(Self.blockCount, count - 1 - start)
        context.team.split(block, grain: 16) { part in
            context.products.multiply(
                rows[start + part.lowerBound], part.count, rows[start], count - start,
                depth: rows.depth, into: products + part.lowerBound * count, outputStride: count)
            for index in part {
                let first = start + index
                let target = clustering.distances + clustering.pair(first, first + 1)
                let source = products + index * count
                for second in (first + 1)..<count {
                    target[second - first - 1] = Double(1 - source[second - start])
                }
            }
        }
    }

    /// Links the members of each cluster in raster order, starting at its lowest token.
    private func linkMembers(
        _ roots: UnsafePointer<Int32>, _ next: UnsafeMutablePointer<Int32>, _ count: Int
    ) {
        next.update(repeating: -1, count: count)
        for token in Swift.stride(from: count - 1, through: 0, by: -1) {
            let root = Int(roots[token])
            guard root != token else { continue }
            next[token] = next[root]
            next[root] = Int32(token)
        }
    }
}
