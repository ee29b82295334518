// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import TensorKit
import TokenMerging

/// How one transformer block merges its tokens in one call.
struct BlockMerge {
    /// The shape of the plan.
    let layout: TokenMergeLayout
    /// The indices; none in a dry run.
    let plan: TokenMergePlan?
    /// The merging of the image, with its configuration.
    let run: TokenMergeRun
    /// The first half of the pass.
    let half: Int

    /// The parts of a block that may merge.
    enum Part { case selfAttention, crossAttention, feedForward }

    /// Whether this part of the block merges.
    func includes(_ part: Part) -> Bool {
        switch part {
        case .selfAttention: run.merger.configuration.mergesSelfAttention
        case .crossAttention: run.merger.configuration.mergesCrossAttention
        case .feedForward: run.merger.configuration.mergesFeedForward
        }
    }

    /// Whether every token of self-attention keeps its query.
    var keepsQueries: Bool { run.merger.scope == .keysValues }

    /// M: `[batch, N, C]` → `[batch, M, C]`, in the caller's scope.
    func merged(_ tokens: Tensor, lane: ComputeLane) -> Tensor {
        let shape = TensorShape(
            batch: tokens.shape.batch, tokens: layout.mergedCount, channels: tokens.shape.channels)
        let result = lane.workspace.tensor(shape, tokens.elementType)
        if let plan {
            run.timed(.applying, half: half) { plan.merge(tokens, into: result, lane: lane) }
        }
        return result
    }

    /// `hidden += U(part(M(tokens)))`.
    ///
    /// - Parameter part: receives merged tokens, which it may overwrite, and the destination of its
    ///   result, f32, without a residual.
    func apply(
        _ tokens: Tensor, addingTo hidden: Tensor, lane: ComputeLane,
        part: (_ tokens: Tensor, _ output: Tensor) -> Void
    ) {
        lane.workspace.scope {
            let merged = merged(tokens, lane: lane)
            let result = lane.workspace.tensor(merged.shape, .float32)
            part(merged, result)
            if let plan {
                run.timed(.applying, half: half) {
                    plan.unmergeAdding(result, into: hidden, lane: lane)
                }
            }
        }
    }

    /// For proportional attention: log m of every merged token times a factor, in the caller's
    /// scope; `nil` if it is off.
    func logCounts(scale: Float, lane: ComputeLane) -> UnsafePointer<Float>? {
        guard run.merger.configuration.usesProportionalAttention else { return nil }
        let byteCount = layout.mergedCount * MemoryLayout<Float>.stride
        let counts = lane.workspace.bytes(byteCount)
            .bindMemory(to: Float.self, capacity: layout.mergedCount)
        if let plan {
            run.timed(.applying, half: half) { plan.writeLogCounts(to: counts, scale: scale) }
        }
        return UnsafePointer(counts)
    }
}
