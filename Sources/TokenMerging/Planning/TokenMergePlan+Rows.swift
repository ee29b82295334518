// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import TensorKit

extension TokenMergePlan {
    /// Merges tokens, equation 2 of the paper: `[batch, N, C]` → `[batch, M, C]`, both of one
    /// element type, any row stride.
    ///
    /// - Parameters:
    ///   - input: all tokens of the grid.
    ///   - output: kept tokens, then groups; separate memory.
    ///   - firstSample: the plan's sample that corresponds to the input's first batch item.
    /// - Complexity: O(batch · N · C), bound by memory.
    package func merge(
        _ input: Tensor, into output: Tensor, firstSample: Int = 0, lane: ComputeLane
    ) {
        checkShapes(whole: input, merged: output, firstSample: firstSample)
        let firstShare: Float? =
            switch alpha {
            case .mean: nil
            case .weight(let weight): weight
            }
        for sample in 0..<input.shape.batch {
            withIndices(part: layout.part(of: firstSample + sample)) { indices in
                lane.mergeRows(
                    input.batch(sample..<(sample + 1)), members: indices.members,
                    offsets: UnsafeBufferPointer(
                        start: indices.offsets, count: layout.mergedCount + 1),
                    firstShare: firstShare, into: output.batch(sample..<(sample + 1)))
            }
        }
    }

    /// Adds its merged row to every token, the residual connection of a block: `[batch, M, C]` →
    /// `[batch, N, C]`; the two may differ in type.
    ///
    /// - Parameters: as for `merge`.
    package func unmergeAdding(
        _ input: Tensor, into output: Tensor, firstSample: Int = 0, lane: ComputeLane
    ) {
        checkShapes(whole: output, merged: input, firstSample: firstSample)
        for sample in 0..<input.shape.batch {
            withIndices(part: layout.part(of: firstSample + sample)) { indices in
                lane.addGathered(
                    input.batch(sample..<(sample + 1)),
                    index: UnsafeBufferPointer(start: indices.slots, count: layout.tokenCount),
                    into: output.batch(sample..<(sample + 1)))
            }
        }
    }

    /// Writes log m of each merged row, for proportional attention.
    ///
    /// A key that represents m tokens gets this added to its logits: exact if the m are equal.
    /// - Parameters:
    ///   - output: `[M]` f32.
    ///   - sample: whose plan to use, if samples have separate plans.
    ///   - scale: factor on every value, for kernels whose logits are scaled later.
    package func writeLogCounts(
        to output: UnsafeMutablePointer<Float>, sample: Int = 0, scale: Float = 1
    ) {
        withIndices(part: layout.part(of: sample)) { indices in
            var last = (count: Int32(1), value: Float(0))
            for row in 0..<layout.mergedCount {
                let count = indices.offsets[row + 1] - indices.offsets[row]
                if count != last.count {
                    last = (count, scale * Float(TokenMergeMath.log(Double(count))))
                }
                output[row] = last.value
            }
        }
    }

    private func checkShapes(whole: Tensor, merged: Tensor, firstSample: Int) {
        precondition(
            whole.shape.tokenCount == layout.tokenCount
                && merged.shape.tokenCount == layout.mergedCount
                && whole.shape.batch == merged.shape.batch
                && whole.shape.channels == merged.shape.channels,
            "a plan of \(layout.tokenCount) → \(layout.mergedCount) tokens for \(whole.shape) and "
                + "\(merged.shape)")
        precondition(
            layout.isShared
                || (firstSample >= 0 && firstSample + whole.shape.batch <= layout.sampleCount),
            "samples \(firstSample)… of a plan for \(layout.sampleCount)")
    }
}
