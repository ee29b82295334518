// SPDX-License-Identifier: Apache-2.0

package import TensorKit

extension TokenMergePlan {
    /// Merges tokens: `[batch, N, C]` → `[batch, M, C]`, both of one element type, any row stride.
    ///
    /// - Parameters:
    ///   - input: every token of the grid.
    ///   - output: kept tokens, then groups; its own memory.
    ///   - firstSample: which of the plan's samples the input's first batch item is.
    ///   - team: threads that share the rows.
    /// - Complexity: O(batch · N · C), bound by memory.
    package func merge(
        _ input: Tensor, into output: Tensor, firstSample: Int = 0,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) {
        checkShapes(whole: input, merged: output, firstSample: firstSample)
        switch input.elementType {
        case .float32: merge(Float32Row.self, input, output, firstSample, team)
        case .bfloat16: merge(BFloat16Row.self, input, output, firstSample, team)
        }
    }

    /// Gives every token its merged row: `[batch, M, C]` → `[batch, N, C]`.
    ///
    /// - Parameters: as for `merge`.
    package func unmerge(
        _ input: Tensor, into output: Tensor, firstSample: Int = 0,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) {
        checkShapes(whole: output, merged: input, firstSample: firstSample)
        switch input.elementType {
        case .float32: unmerge(Float32Row.self, input, output, firstSample, team, adds: false)
        case .bfloat16: unmerge(BFloat16Row.self, input, output, firstSample, team, adds: false)
        }
    }

    /// `output += unmerge(input)`, both f32: the residual connection in the same pass.
    ///
    /// - Parameters: as for `merge`.
    package func unmergeAdding(
        _ input: Tensor, into output: Tensor, firstSample: Int = 0,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) {
        checkShapes(whole: output, merged: input, firstSample: firstSample)
        precondition(input.elementType == .float32, "residual sums are f32")
        unmerge(Float32Row.self, input, output, firstSample, team, adds: true)
    }

    /// Writes log m of each merged row, for proportional attention.
    ///
    /// A key that stands for m tokens gets this added to its logits: exact where the m are equal.
    /// - Parameters:
    ///   - output: `[M]` f32.
    ///   - sample: whose plan, where samples have plans of their own.
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
                && whole.shape.channels == merged.shape.channels
                && whole.elementType == merged.elementType,
            "a plan of \(layout.tokenCount) → \(layout.mergedCount) tokens for \(whole.shape) and "
                + "\(merged.shape)")
        precondition(
            layout.isShared
                || (firstSample >= 0 && firstSample + whole.shape.batch <= layout.sampleCount),
            "samples \(firstSample)… of a plan for \(layout.sampleCount)")
    }

    private func merge<Element: RowElement>(
        _ element: Element.Type, _ input: Tensor, _ output: Tensor, _ firstSample: Int,
        _ team: ThreadTeam
    ) {
        let gather = RowGather<Element>(input, output)
        for sample in 0..<input.shape.batch {
            let source = UnsafeRawPointer(input.batch(sample..<(sample + 1)).rawPointer)
            let target = output.batch(sample..<(sample + 1)).rawPointer
            withIndices(part: layout.part(of: firstSample + sample)) { indices in
                team.split(layout.mergedCount, grain: 16) { rows in
                    gather.merge(source, into: target, rows: rows, indices: indices, alpha: alpha)
                }
            }
        }
    }

    private func unmerge<Element: RowElement>(
        _ element: Element.Type, _ input: Tensor, _ output: Tensor, _ firstSample: Int,
        _ team: ThreadTeam, adds: Bool
    ) {
        let gather = RowGather<Element>(input, output)
        for sample in 0..<input.shape.batch {
            let source = UnsafeRawPointer(input.batch(sample..<(sample + 1)).rawPointer)
            let target = output.batch(sample..<(sample + 1)).rawPointer
            withIndices(part: layout.part(of: firstSample + sample)) { indices in
                team.split(layout.tokenCount, grain: 16) { tokens in
                    if adds {
                        gather.unmergeAdding(source, into: target, tokens: tokens, indices: indices)
                    } else {
                        gather.unmerge(source, into: target, tokens: tokens, indices: indices)
                    }
                }
            }
        }
    }
}

extension RowGather {
    init(_ input: Tensor, _ output: Tensor) {
        self.init(
            channels: input.shape.channels,
            inputStride: input.rowStride * input.elementType.byteCount,
            outputStride: output.rowStride * output.elementType.byteCount)
    }
}
