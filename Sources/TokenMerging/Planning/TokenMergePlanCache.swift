// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit

/// The plans of one image: one per block, made anew every p calls and reused in between (Algorithm
/// 1, lines 5 and 9–11).
///
/// It dies with the image.
///
/// What is cached are indices, not similarities: unchanged similarities sort to the same order.
/// A plan is also made anew when its shape changes (another size or batch). After the first
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

    /// - Parameters:
    ///   - seed: the image's; random choices depend on it, on the call and on the block.
    ///   - laneCount: lanes that make plans of their own.
    ///   - siteCount: blocks of the network.
    package init(
        merger: TokenMerger, seed: UInt64, laneCount: Int = 1, siteCount: Int = 256
    ) {
        precondition(laneCount > 0, "\(laneCount) lanes")
        self.merger = merger
        self.seed = seed
        self.laneCount = laneCount
        scratches = (0..<laneCount).map { _ in TokenMergeScratch() }
        slots = Array(repeating: nil, count: siteCount * laneCount)
    }

    /// Whether `plan` would make the plan anew.
    package func isStale(
        at site: TokenMergeSite, call: TokenMergeCall, sampleCount: Int, lane: Int = 0
    ) throws(TokenMergeConfigurationError) -> Bool {
        let layout = try merger.layout(at: site, sampleCount: sampleCount)
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
        let layout = try merger.layout(at: site, sampleCount: features.sampleCount)
        guard !layout.isIdentity else { return nil }
        if try isStale(at: site, call: call, sampleCount: features.sampleCount, lane: lane) {
            try reserve(layout, at: site, lane: lane)
            refresh(
                at: site, layout: layout, call: call, features: features, importance: importance,
                lane: lane, team: team)
        } else {
            noteReuse(at: site, call: call, lane: lane)
        }
        return heldPlan(at: site, lane: lane)
    }

    /// Gets all memory that plans of one shape take, so that `refresh` needs none.
    ///
    /// - Throws: `TensorStorageError`.
    package func reserve(_ layout: TokenMergeLayout, at site: TokenMergeSite, lane: Int) throws {
        let scratch = scratches[lane]
        if layout.scratchByteCount > scratch.byteCount {
            try scratch.prepare(byteCount: layout.scratchByteCount)
        }
        let index = slotIndex(site, lane)
        if slots[index] == nil { slots[index] = Slot(plan: TokenMergePlan(layout: layout)) }
    }

    /// Makes a stale plan anew, in memory that `reserve` got; lanes may do this at the same time.
    ///
    /// - Parameters: as for `plan`.
    package func refresh(
        at site: TokenMergeSite, layout: TokenMergeLayout, call: TokenMergeCall,
        features: TokenFeatures, importance: TokenImportanceMap?, lane: Int, team: ThreadTeam
    ) {
        precondition(
            features.tokenCount == layout.tokenCount && features.channels == site.channels,
            "features of \(features.tokenCount) × \(features.channels) at \(site)")
        let slot = slot(site, lane)
        let scratch = scratches[lane]
        scratch.reuse()
        slot.plan.reshape(to: layout)
        let context = TokenMergeContext(
            site: site, call: call, refreshIndex: slot.statistics.computedPlanCount, seed: seed,
            importance: importance, products: merger.products, team: team)
        merger.strategy.fill(&slot.plan, from: features, context: context, scratch: scratch)
        slot.isFilled = true
        slot.statistics.computedPlanCount += 1
        slot.note(call)
    }

    /// Counts a call that uses the plan it finds.
    package func noteReuse(at site: TokenMergeSite, call: TokenMergeCall, lane: Int) {
        let slot = slot(site, lane)
        guard slot.lastCallIndex != call.index else { return }
        slot.statistics.reusedPlanCount += 1
        slot.note(call)
    }

    /// The plan made last; lanes may read it at the same time.
    package func heldPlan(at site: TokenMergeSite, lane: Int) -> TokenMergePlan {
        slot(site, lane).plan
    }

    /// Forgets everything about the image; only memory stays, for the next one.
    ///
    /// - Parameter seed: the next image's.
    package func reset(seed: UInt64) {
        self.seed = seed
        for case .some(let slot) in slots { slot.reset() }
    }

    /// Whether memory was got for any plan.
    package var hasPlans: Bool { slots.contains { $0 != nil } }

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
            site.index < slots.count / laneCount && lane >= 0 && lane < laneCount,
            "site \(site.index), lane \(lane) of \(laneCount)")
        return site.index * laneCount + lane
    }

    private func slot(_ site: TokenMergeSite, _ lane: Int) -> Slot {
        guard let slot = slots[slotIndex(site, lane)] else {
            preconditionFailure("no memory was reserved for site \(site.index)")
        }
        return slot
    }

    /// One block's plan and its history.
    private final class Slot {
        var plan: TokenMergePlan
        var isFilled = false
        var lastCallIndex = -1
        var statistics = TokenMergeStatistics()

        init(plan: TokenMergePlan) { self.plan = plan }

        /// Counts the tokens of a call, once.
        func note(_ call: TokenMergeCall) {
            guard lastCallIndex != call.index else { return }
            lastCallIndex = call.index
            let layout = plan.layout
            statistics.tokenCountBefore += layout.sampleCount * layout.tokenCount
            statistics.tokenCountAfter += layout.sampleCount * layout.mergedCount
        }

        func reset() {
            isFilled = false
            lastCallIndex = -1
            statistics = TokenMergeStatistics()
        }
    }
}
