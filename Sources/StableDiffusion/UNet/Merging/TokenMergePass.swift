// SPDX-License-Identifier: Apache-2.0

internal import GenerationTypes
internal import TensorKit
internal import TokenMerging

/// Token merging as one pass through the U-Net sees it.
package struct TokenMergePass {
    /// The image's plans.
    let run: TokenMergeRun
    /// Which half of the guided batch the pass's first sample is.
    let firstHalf: Int
    /// Where the halves meet when each has a lane of its own; none when this pass has them all.
    let meeting: ComputeLanes?

    /// What the transformer block of this index merges; none where all tokens stay.
    ///
    /// - Parameters:
    ///   - hidden: the block's input.
    ///   - normed: the same after the first norm: the input of self-attention.
    func merge(
        _ index: Int, hidden: Tensor, normed: Tensor, lane: ComputeLane
    ) -> BlockMerge? {
        let layout = run.layouts[index]
        guard !layout.isIdentity else { return nil }
        guard !lane.isMeasuring else { return BlockMerge(layout: layout, plan: nil, run: run) }
        let features = run.merger.featureSource == .attentionInput ? normed : hidden
        if run.isStale(index, half: firstHalf) {
            refresh(index, features: features, lane: lane)
        }
        return BlockMerge(layout: layout, plan: run.plan(index, half: firstHalf), run: run)
    }

    /// Makes a plan anew.
    ///
    /// Lanes that share it meet twice: once all features are there, one lane makes the plan; once
    /// it is made, all go on.
    private func refresh(_ index: Int, features: Tensor, lane: ComputeLane) {
        guard run.sharesPlans, let meeting else {
            run.refresh(
                index, half: firstHalf, features: TokenFeatures(features), team: lane.team)
            return
        }
        run.publish(features, half: firstHalf)
        meeting.meet()
        if firstHalf == 0 {
            run.refresh(index, half: 0, features: run.publishedFeatures, team: lane.team)
        }
        meeting.meet()
    }
}
