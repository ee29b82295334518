// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// The plans of one image: one per block, made anew every p calls and reused in between (Algorithm
/// 1, lines 5 and 9–11).
///
/// It dies with the image.
///
/// What is cached are indices, not similarities: unchanged similarities sort to the same order.
/// A plan is also made anew when its shape changes (another size, batch or ratio). After the first
/// call nothing is allocated.
///
/// Where each lane runs a half of the batch, lanes with plans of their own use different `lane`
/// indices, which touch different memory; a shared plan is refreshed by one lane while the others
/// wait.
package final class TokenMergePlanCache {
    package let merger: TokenMerger
    private var seed: UInt64
    private let laneCount: Int
    private var slots: [Slot?]
    /// One per lane.
    private let scratches: [TokenMergeScratch]

    /// Most blocks of a network.
    package static let siteCountMax = 256

    /// - Parameters:
    ///   - seed: the image's; random choices depend on it, on the call and on the block.
    ///   - laneCount: lanes that make plans of their own.
    package init(merger: TokenMerger, seed: UInt64, laneCount: Int = 1) {
        precondition(laneCount > 0, "\(laneCount) lanes")
        self.merger = merger
        self.seed = seed
        self.laneCount = laneCount
        scratches = (0..<laneCount).map { _ in TokenMergeScratch() }
        slots = Array(repeating: nil, count: Self.siteCountMax * laneCount)
    }

    /// Whether `plan` would make the plan anew.
    package func isStale(
        at site: TokenMergeSite, call: TokenMergeCall, sampleCount: Int, lane: Int = 0
    ) throws(TokenMergeConfigurationError) -> Bool {
        let layout = try merger.layout(at: site, call: call, sampleCount: sampleCount)
        guard !layout.isIdentity else { return false }
        guard let slot = slots[slotIndex(site, lane)], slot.isFilled else { return true }
        return slot.lastCallIndex != call.index && merger.refreshes(at: call.index)
            || slot.plan.layout != layout
    }

    /// The plan of one block for this call; none where nothing merges.
    ///
    /// - Parameters:
    ///   - features: the rows to compare, of all samples of the plan; read only when it is stale.
    ///   - importance: what guidance changed in the previous call, for strategies that need it.
    ///   - lane: who calls, where lanes make plans of their own.
    ///   - team: threads that share the work.
    /// - Throws: `TokenMergeConfigurationError` when the method can't handle the grid or lacks
    ///   guidance, `TensorStorageError` when memory runs out.
    package func plan(
        at site: TokenMergeSite, call: TokenMergeCall, features: TokenFeatures,
        importance: TokenImportanceMap? = nil, lane: Int = 0,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) throws -> TokenMergePlan? {
        if merger.needsImportance, !call.isGuided {
            throw TokenMergeConfigurationError.needsGuidance(method: merger.configuration.method)
        }
        let layout = try merger.layout(
            at: site, call: call, sampleCount: features.sampleCount)
        guard !layout.isIdentity else { return nil }
        precondition(
            features.tokenCount == layout.tokenCount && features.channels == site.channels,
            "features of \(features.tokenCount) × \(features.channels) at \(site)")
        let isStale = try isStale(
            at: site, call: call, sampleCount: features.sampleCount, lane: lane)
        let slot = slots[slotIndex(site, lane)] ?? addSlot(site, lane, layout)
        if isStale {
            let scratch = scratches[lane]
            try scratch.prepare(byteCount: layout.scratchByteCount)
            slot.plan.reshape(to: layout)
            let context = TokenMergeContext(
                site: site, call: call, refreshIndex: slot.statistics.computedPlanCount,
                seed: seed, importance: importance, products: merger.products, team: team)
            merger.strategy.fill(
                &slot.plan, from: features, context: context, scratch: scratch)
            slot.isFilled = true
            slot.statistics.computedPlanCount += 1
        } else if slot.lastCallIndex != call.index {
            slot.statistics.reusedPlanCount += 1
        }
        if slot.lastCallIndex != call.index {
            slot.statistics.tokenCountBefore += layout.sampleCount * layout.tokenCount
            slot.statistics.tokenCountAfter += layout.sampleCount * layout.mergedCount
        }
        slot.lastCallIndex = call.index
        return slot.plan
    }

    /// Forgets everything about the image; only memory stays, for the next one.
    ///
    /// - Parameter seed: the next image's.
    package func reset(seed: UInt64) {
        self.seed = seed
        for case .some(let slot) in slots { slot.reset() }
    }

    /// What the plans of this image came to.
    package var statistics: TokenMergeStatistics {
        var total = TokenMergeStatistics()
        for case .some(let slot) in slots {
            total.computedPlanCount += slot.statistics.computedPlanCount
            total.reusedPlanCount += slot.statistics.reusedPlanCount
            total.tokenCountBefore += slot.statistics.tokenCountBefore
            total.tokenCountAfter += slot.statistics.tokenCountAfter
            total.byteCount += slot.plan.byteCount
        }
        total.scratchByteCount = scratches.reduce(0) { $0 + $1.byteCount }
        return total
    }

    private func slotIndex(_ site: TokenMergeSite, _ lane: Int) -> Int {
        precondition(
            site.index < Self.siteCountMax && lane >= 0 && lane < laneCount,
            "site \(site.index), lane \(lane) of \(laneCount)")
        return site.index * laneCount + lane
    }

    private func addSlot(_ site: TokenMergeSite, _ lane: Int, _ layout: TokenMergeLayout) -> Slot {
        let slot = Slot(plan: TokenMergePlan(layout: layout))
        slots[slotIndex(site, lane)] = slot
        return slot
    }

    /// One block's plan and its history.
    private final class Slot {
        var plan: TokenMergePlan
        var isFilled = false
        var lastCallIndex = -1
        var statistics = TokenMergeStatistics()

        init(plan: TokenMergePlan) { self.plan = plan }

        func reset() {
            isFilled = false
            lastCallIndex = -1
            statistics = TokenMergeStatistics()
        }
    }
}

/// What merging did for one image.
package struct TokenMergeStatistics: Sendable, Hashable, Codable {
    /// Plans made from features.
    package var computedPlanCount = 0
    /// Calls of blocks that used an earlier plan.
    package var reusedPlanCount = 0
    /// Tokens that entered merged blocks, over all calls and samples.
    package var tokenCountBefore = 0
    /// Tokens that were left of them.
    package var tokenCountAfter = 0
    /// Bytes of indices held.
    package var byteCount = 0
    /// Bytes of working memory held.
    package var scratchByteCount = 0

    package init() {}
}
