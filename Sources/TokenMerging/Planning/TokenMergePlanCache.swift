// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit

/// The plans of one image: one per block, made anew every p calls and reused in between (Algorithm
/// 1, lines 5 and 9–11).
///
/// Its lifetime is the image's. It caches indices, not similarities: unchanged similarities sort to
/// the same order. All memory is allocated at the beginning; calls allocate nothing.
///
///     cache.begin(callIndex: t)
///     if cache.isStale(block, half: 0) { cache.refresh(block, half: 0, features: …) }
///     let plan = cache.plan(block, half: 0)
///
/// If both halves of a guided batch share plans, `half` makes no difference. Plans of different
/// halves may be refreshed concurrently; a shared plan is refreshed by one lane while the other
/// waits.
package final class TokenMergePlanCache {
    package let merger: TokenMerger
    /// The network's blocks; the methods below refer to them by their index in this list.
    package let sites: [TokenMergeSite]
    /// The shapes of their plans.
    package let layouts: [TokenMergeLayout]
    /// Whether one plan serves both halves.
    package let sharesPlans: Bool
    private let seed: UInt64
    private var call: TokenMergeCall
    /// By site and half, or one for both; `nil` if nothing merges.
    private let slots: [[Slot]]
    /// By half, or one for both.
    private let scratches: [TokenMergeScratch]

    /// - Parameters:
    ///   - seed: the image's; random choices depend on it, the call and the block.
    ///   - halves: 2 with classifier-free guidance, otherwise 1.
    /// - Throws: `TokenMergeConfigurationError` if the method can't handle a map or lacks guidance,
    ///   `TensorStorageError` if memory runs out.
    package init(
        merger: TokenMerger, sites: [TokenMergeSite], seed: UInt64, halves: Int
    ) throws {
        let layouts = try merger.layouts(at: sites, halves: halves)
        let merging = layouts.filter { !$0.isIdentity }
        self.merger = merger
        self.sites = sites
        self.layouts = layouts
        self.seed = seed
        sharesPlans = halves == 2 && merger.sharesPlans
        call = TokenMergeCall(index: 0, isGuided: halves == 2)
        let planCount = sharesPlans ? 1 : halves
        slots = layouts.map { layout in
            layout.isIdentity ? [] : (0..<planCount).map { _ in Slot(layout) }
        }
        let scratchByteCount = merging.map(\.scratchByteCount).max() ?? 0
        scratches = try (0..<planCount).map { _ in
            let scratch = TokenMergeScratch()
            if scratchByteCount > 0 { try scratch.prepare(byteCount: scratchByteCount) }
            return scratch
        }
    }

    /// Whether any block ever merges.
    package var mergesAnything: Bool { slots.contains { !$0.isEmpty } }

    /// Begins a call of the network: decides which plans are made anew, and counts.
    package func begin(callIndex: Int) {
        call = TokenMergeCall(index: callIndex, isGuided: call.isGuided)
        let isDue = merger.refreshes(at: callIndex)
        for slot in slots.joined() {
            if isDue { slot.isStale = true }
            if !slot.isStale { slot.statistics.reusedPlanCount += 1 }
            let layout = slot.plan.layout
            slot.statistics.tokenCountBefore += layout.sampleCount * layout.tokenCount
            slot.statistics.tokenCountAfter += layout.sampleCount * layout.mergedCount
        }
    }

    /// Whether a block's plan must be made anew before it is used in this call.
    package func isStale(_ index: Int, half: Int) -> Bool { slot(index, half).isStale }

    /// Makes a block's plan anew.
    ///
    /// - Parameters:
    ///   - features: the rows to compare, of all samples of the plan.
    ///   - importance: the effect of guidance in the previous call, for strategies that use it.
    ///   - team: the threads that share the work.
    package func refresh(
        _ index: Int, half: Int, features: TokenFeatures, importance: TokenImportanceMap? = nil,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) {
        let site = sites[index]
        let slot = slot(index, half)
        precondition(
            features.tokenCount == slot.plan.layout.tokenCount
                && features.sampleCount == slot.plan.layout.sampleCount
                && features.channels == site.channels,
            "features of \(features.tokenCount) × \(features.channels) at \(site)")
        let scratch = scratches[sharesPlans ? 0 : half]
        scratch.reuse()
        let context = TokenMergeContext(
            site: site, call: call, refreshIndex: slot.statistics.computedPlanCount, seed: seed,
            importance: importance, products: merger.products, team: team)
        merger.strategy.fill(&slot.plan, from: features, context: context, scratch: scratch)
        slot.isStale = false
        slot.statistics.computedPlanCount += 1
    }

    /// A block's plan; lanes may read it concurrently.
    package func plan(_ index: Int, half: Int) -> TokenMergePlan { slot(index, half).plan }

    /// Statistics of this image's plans.
    package var statistics: TokenMergeStatistics {
        var total = TokenMergeStatistics()
        for slot in slots.joined() {
            total.computedPlanCount += slot.statistics.computedPlanCount
            total.reusedPlanCount += slot.statistics.reusedPlanCount
            total.tokenCountBefore += slot.statistics.tokenCountBefore
            total.tokenCountAfter += slot.statistics.tokenCountAfter
            total.byteCount += slot.plan.byteCount
        }
        total.scratchByteCount = scratches.reduce(0) { $0 + $1.byteCount }
        return total
    }

    /// Appends the state on which calls from `callIndex` on depend: counts, and the plans that the
    /// next call does not make anew.
    package func save(to writer: inout WordWriter, callIndex: Int) {
        let isDue = merger.refreshes(at: callIndex)
        for slot in slots.joined() {
            let isNeeded = !isDue && !slot.isStale
            writer.write(isNeeded ? 1 : 0)
            writer.write(slot.statistics.computedPlanCount)
            writer.write(slot.statistics.reusedPlanCount)
            writer.write(UInt64(slot.statistics.tokenCountBefore))
            writer.write(UInt64(slot.statistics.tokenCountAfter))
            if isNeeded { slot.plan.save(to: &writer) }
        }
    }

    /// Restores the state saved by the cache of an equal image; calls continue from `callIndex`.
    ///
    /// The counts follow from the calls already made, so other counts indicate damage.
    package func restore(
        from reader: inout WordReader, callIndex: Int
    ) throws(SavedStateError) {
        for slot in slots.joined() {
            slot.isStale = try reader.read(in: 0...1) == 0
            let computed = try reader.read(in: 0...callIndex)
            slot.statistics.computedPlanCount = computed
            slot.statistics.reusedPlanCount = try reader.read(in: 0...callIndex - computed)
            let layout = slot.plan.layout
            let before = callIndex * layout.sampleCount * layout.tokenCount
            let after = callIndex * layout.sampleCount * layout.mergedCount
            guard try reader.readWide() == UInt64(before), try reader.readWide() == UInt64(after)
            else { throw .damaged }
            slot.statistics.tokenCountBefore = before
            slot.statistics.tokenCountAfter = after
            if !slot.isStale { try slot.plan.restore(from: &reader) }
        }
    }

    private func slot(_ index: Int, _ half: Int) -> Slot { slots[index][sharesPlans ? 0 : half] }

    /// One block's plan and its history.
    private final class Slot {
        var plan: TokenMergePlan
        var isStale = true
        var statistics = TokenMergeStatistics()

        init(_ layout: TokenMergeLayout) { plan = TokenMergePlan(layout: layout) }
    }
}
