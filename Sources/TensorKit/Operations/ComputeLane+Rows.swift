// SPDX-License-Identifier: Apache-2.0

import CKernels

extension ComputeLane {
    /// `output += input`; the two may differ in type.
    package func add(_ input: Tensor, into output: Tensor) {
        precondition(input.shape == output.shape, "adding \(input.shape) to \(output.shape)")
        let span = begin(.rows, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_add_rows(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels), index: nil)
        run(kernels.pointee.add_rows, &arguments, unitCount: input.shape.rowCount)
    }

    /// `output[row] += input[index[row]]` over the rows of all batch items; the two may differ in
    /// type.
    ///
    /// - Parameter index: one row of `input` for every row of `output`.
    package func addGathered(
        _ input: Tensor, index: UnsafeBufferPointer<Int32>, into output: Tensor
    ) {
        precondition(
            input.shape.channels == output.shape.channels,
            "gathering \(input.shape) into \(output.shape)")
        precondition(
            index.count == output.shape.rowCount, "\(index.count) indices for \(output.shape)")
        let span = begin(.rows, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_add_rows(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels), index: index.baseAddress)
        run(kernels.pointee.add_rows, &arguments, unitCount: output.shape.rowCount)
    }

    /// Computes each output row from a group of input rows, D and S₁…Sᵣ: α D + (1 − α) times the
    /// mean of the others.
    ///
    /// Equal rows merge into exactly the same row.
    /// - Parameters:
    ///   - input: f32 or bf16.
    ///   - members: rows of `input`, group after group, D first.
    ///   - offsets: start of each group in `members`, and the end: one more than output rows.
    ///   - firstShare: α if a group has more than D; `nil` for 1 / (r + 1), the plain mean.
    ///   - output: of the input's type.
    package func mergeRows(
        _ input: Tensor, members: UnsafePointer<Int32>, offsets: UnsafeBufferPointer<Int32>,
        firstShare: Float?, into output: Tensor
    ) {
        precondition(
            input.shape.channels == output.shape.channels
                && input.elementType == output.elementType,
            "merging \(input.shape) into \(output.shape)")
        precondition(
            offsets.count == output.shape.rowCount + 1,
            "\(offsets.count) offsets for \(output.shape)")
        let span = begin(.rows, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        guard !isMeasuring, let start = offsets.baseAddress else { return }
        var arguments = rt_merge_rows(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels), members: members, offsets: start,
            first_share: firstShare ?? -1)
        run(kernels.pointee.merge_rows, &arguments, unitCount: output.shape.rowCount)
    }

    /// Copies rows, converting the element type if necessary.
    package func copy(_ input: Tensor, into output: Tensor) {
        precondition(input.shape == output.shape, "copying \(input.shape) to \(output.shape)")
        if isMeasuring { return }
        copyRows(input, index: nil, into: output)
    }

    /// `output[row] = input[index[row]]` over the rows of all batch items; converts the type.
    ///
    /// - Parameter index: one row of `input` for every row of `output`.
    package func gather(
        _ input: Tensor, index: UnsafeBufferPointer<Int32>, into output: Tensor
    ) {
        precondition(
            input.shape.channels == output.shape.channels,
            "gathering \(input.shape) into \(output.shape)")
        precondition(
            index.count == output.shape.rowCount, "\(index.count) indices for \(output.shape)")
        if isMeasuring { return }
        copyRows(input, index: index.baseAddress, into: output)
    }

    private func copyRows(_ input: Tensor, index: UnsafePointer<Int32>?, into output: Tensor) {
        let span = begin(.rows, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        var arguments = rt_copy_rows(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels), index: index)
        run(kernels.pointee.copy_rows, &arguments, unitCount: output.shape.rowCount)
    }

    /// Resizes to the output's grid by nearest neighbour; converts the element type.
    ///
    /// Matches `torch.nn.functional.interpolate`: source index = ⌊target index · source size /
    /// target size⌋, the quotient in single precision.
    package func resizeNearest(_ input: Tensor, into output: Tensor) {
        let source = input.shape
        let target = output.shape
        precondition(
            source.with(height: target.height, width: target.width) == target,
            "resizing \(source) to \(target)")
        let span = begin(.rows, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_resize(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(source.channels), source_height: Int64(source.height),
            source_width: Int64(source.width), target_height: Int64(target.height),
            target_width: Int64(target.width))
        run(kernels.pointee.resize_nearest, &arguments, unitCount: target.batch * target.height)
    }
}
