// SPDX-License-Identifier: Apache-2.0

/// Agglomerative token clustering (Haurum, Escalera, Taylor, Moeslund, ECCV 2024) as in its Stable
/// Diffusion code: cosine distances of all tokens, N − r clusters per sample, the mean of each.
///
/// Slow by nature; it is here to be compared with.
package struct AgglomerativeTokenClustering: TokenMergeStrategy {
    package static let traits = TokenMergeStrategyTraits(name: "atc")

    /// More tokens would take more than 340 MB of distances.
    package static let tokenCountMax = 96 * 96

    private let linkage: TokenMergeLinkage

    package init(configuration: TokenMergeConfiguration) { linkage = configuration.linkage }

    package func layout(
        at site: TokenMergeSite, ratio: Double, sampleCount: Int
    ) throws(TokenMergeConfigurationError) -> TokenMergeLayout {
        let count = site.grid.tokenCount
        let mergedCount = min(Int(Double(count) * ratio), count - 1)
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
                + 3 * TokenMergeScratch.byteCount(Int32.self, count))
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
        for token in 0..<count { tokens[token] = Int32(token) }
        for part in 0..<layout.partCount {
            rows.load(features, sample: part)
            for first in 0..<(count - 1) {
                let target = clustering.distances + clustering.pair(first, first + 1)
                for second in (first + 1)..<count {
                    target[second - first - 1] = Double(
                        1 - rows.dot(tokens[first], tokens[second]))
                }
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

    /// Chains the members of each cluster in raster order, from its lowest token on.
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
