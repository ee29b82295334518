// SPDX-License-Identifier: Apache-2.0

package import TokenMerging

/// A plan's decisions, for comparing plans: each window's representative, and its sources.
package struct PlanChoices: Sendable {
    /// The representative of each group.
    package let representatives: [Int]
    /// The sources of each group.
    package let sources: [Set<Int>]

    package init(_ plan: TokenMergePlan) {
        let layout = plan.layout
        let groups = (layout.keptCount..<layout.mergedCount).map { plan.members(ofRow: $0) }
        representatives = groups.map { $0[0] }
        sources = groups.map { Set($0.dropFirst()) }
    }

    package init(representatives: [Int], sources: [Set<Int>]) {
        precondition(representatives.count == sources.count, "a source list per window")
        self.representatives = representatives
        self.sources = sources
    }

    /// Share of the windows with the same representative.
    package func representativeAgreement(with other: PlanChoices) -> Double {
        let same = zip(representatives, other.representatives).count { $0 == $1 }
        return Double(same) / Double(max(representatives.count, 1))
    }

    /// Share of the sources that are sources of the same window in both.
    package func sourceAgreement(with other: PlanChoices) -> Double {
        let all = sources.reduce(0) { $0 + $1.count }
        let same = zip(sources, other.sources).reduce(0) { $0 + $1.0.intersection($1.1).count }
        return Double(same) / Double(max(all, 1))
    }
}
