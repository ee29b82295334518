// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import TensorKit
package import TokenMerging

/// Token merging in one pass through the U-Net.
package struct TokenMergePass {
    /// The image's plans.
    let run: TokenMergeRun
    /// The half of the guided batch that is the pass's first sample.
    let firstHalf: Int
    /// Where the halves meet if each has its own lane; `nil` if this pass has them all.
    let meeting: ComputeLanes?

    /// What the transformer block of this index merges; `nil` if all tokens stay.
    ///
    /// - Parameters:
    ///   - hidden: the block's input.
    ///   - normed: the same after the first norm: the input of self-attention.
    func merge(
        _ index: Int, hidden: Tensor, normed: Tensor, lane: ComputeLane
    ) -> BlockMerge? {
        let layout = run.layouts[index]
        let features = run.merger.featureSource == .attentionInput ? normed : hidden
        if !lane.isMeasuring {
            run.observer?.observe(features, at: run.sites[index], firstHalf: firstHalf)
        }
        guard !layout.isIdentity else { return nil }
        guard !lane.isMeasuring else {
            return BlockMerge(layout: layout, plan: nil, run: run, half: firstHalf)
        }
        if run.isStale(index, half: firstHalf) {
            refresh(index, features: features, lane: lane)
        }
        return BlockMerge(
            layout: layout, plan: run.plan(index, half: firstHalf), run: run, half: firstHalf)
    }

    /// Makes a new plan.
    ///
    /// Lanes that share it meet twice: once all features are there, one lane makes the plan; once
    /// it is made, all continue.
    private func refresh(_ index: Int, features: Tensor, lane: ComputeLane) {
        guard run.sharesPlans, let meeting else {
            run.timed(.planning, half: firstHalf) {
                run.refresh(
                    index, half: firstHalf, features: TokenFeatures(features), team: lane.team)
            }
            return
        }
        run.publish(features, half: firstHalf)
        run.timed(.meeting, half: firstHalf) { meeting.meet() }
        if firstHalf == 0 {
            run.timed(.planning, half: 0) {
                run.refresh(index, half: 0, features: run.publishedFeatures, team: lane.team)
            }
        }
        run.timed(.meeting, half: firstHalf) { meeting.meet() }
    }
}

/// Observes the features from which similarities are computed, at every block and call.
///
/// Lanes may call at the same time, for different halves.
package protocol TokenObserver: AnyObject {
    /// - Parameters:
    ///   - features: `[halves of the pass, height, width, channels]`, valid during the call.
    ///   - site: the transformer block.
    ///   - firstHalf: the half of the first sample.
    func observe(_ features: Tensor, at site: TokenMergeSite, firstHalf: Int)
}
