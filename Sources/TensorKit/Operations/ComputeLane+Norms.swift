// SPDX-License-Identifier: Apache-2.0

import CKernels

extension ComputeLane {
    /// Layer norm over the channels of each row.
    ///
    /// Matches `torch.nn.LayerNorm` (biased variance).
    package func layerNorm(
        _ norm: ChannelParameters, epsilon: Float, _ input: Tensor, into output: Tensor
    ) {
        precondition(
            input.shape == output.shape, "layer norm of \(input.shape) into \(output.shape)")
        precondition(
            norm.count == input.shape.channels, "\(norm.count) parameters for \(input.shape)")
        let span = begin(.layerNorm, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_layer_norm(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels), scale: norm.scale, shift: norm.shift,
            epsilon: epsilon)
        run(kernels.pointee.layer_norm, &arguments, unitCount: input.shape.rowCount)
    }

    /// Group norm over height, width and the channels of each group, then an optional activation.
    ///
    /// Matches `torch.nn.GroupNorm` (biased variance). Statistics: f32 over short runs of one
    /// channel, relative to a value of that channel, and f64 over those. Rows are summed in chunks
    /// that depend only on the shape, so the result depends on neither timing nor team.
    package func groupNorm(
        _ norm: ChannelParameters, groupCount: Int, epsilon: Float, activation: Activation? = nil,
        _ input: Tensor, into output: Tensor
    ) {
        let shape = input.shape
        precondition(shape == output.shape, "group norm of \(shape) into \(output.shape)")
        precondition(norm.count == shape.channels, "\(norm.count) parameters for \(shape)")
        precondition(
            groupCount > 0 && shape.channels % groupCount == 0, "\(groupCount) groups of \(shape)")
        let span = begin(.groupNorm, tokenCount: shape.tokenCount)
        defer { end(span) }
        let chunks = RowChunks(rowCount: shape.tokenCount)
        let sumCount = shape.batch * chunks.count * 2 * groupCount
        let coefficientCount = shape.batch * 2 * shape.channels
        workspace.scope {
            let sums = workspace.bytes(sumCount * MemoryLayout<Double>.stride)
            let coefficients = workspace.bytes(coefficientCount * MemoryLayout<Float>.stride)
            if isMeasuring { return }
            var arguments = rt_group_norm(
                source: input.kernelSource, target: output.kernelTarget,
                rows_per_item: Int64(shape.tokenCount), channels: Int64(shape.channels),
                group_count: Int64(groupCount), chunk_count: Int64(chunks.count),
                rows_per_chunk: Int64(chunks.rowsPerChunk), scale: norm.scale, shift: norm.shift,
                epsilon: epsilon, activation: activation.kernelActivation,
                sums: sums.assumingMemoryBound(to: Double.self),
                coefficients: coefficients.assumingMemoryBound(to: Float.self))
            run(
                kernels.pointee.group_norm_sums, &arguments, unitCount: shape.batch * chunks.count)
            kernels.pointee.group_norm_combine(&arguments, 0, Int64(shape.batch))
            run(kernels.pointee.group_norm_apply, &arguments, unitCount: shape.rowCount)
        }
    }
}

/// How the rows of one batch item are split for group norm's sums.
struct RowChunks {
    /// A multiple of the 128 rows that the kernels sum in f32.
    let rowsPerChunk: Int
    let count: Int

    /// At most 128 chunks: enough for any team, few to combine.
    init(rowCount: Int) {
        let block = 128
        let blocks = (rowCount + block - 1) / block
        rowsPerChunk = (blocks + block - 1) / block * block
        count = (rowCount + rowsPerChunk - 1) / rowsPerChunk
    }
}
