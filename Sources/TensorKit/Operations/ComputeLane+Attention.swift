// SPDX-License-Identifier: Apache-2.0

import CKernels

extension ComputeLane {
    /// Scaled dot-product attention, heads side by side in the channels.
    ///
    /// `output[b, i, h] = Σ_j softmax_j(scale · q[b, i, h] · k[b, j, h]) v[b, j, h]`, computed in
    /// blocks with an online softmax: the matrix of scores is never stored. Products are f32, or
    /// bf16 summed in f32 if all inputs are bf16 and the processor supports it, or bytes on request.
    /// - Parameters:
    ///   - queries: `[batch, M, heads · headDimension]`, the activation type; may be views of a
    ///     wider tensor.
    ///   - keys: `[batch, N, heads · headDimension]`, likewise.
    ///   - values: `[batch, N, heads · headDimension]`, likewise.
    ///   - scale: greater than 0.
    ///   - keyBias: added to every score of a key, `[N]`, before `scale`; the same for all batch
    ///     items and heads.
    ///   - isCausal: query i attends only to keys 0…i.
    ///   - int8: the instruction set for products of bytes; `nil` for the inputs' type. Not causal.
    ///   - output: like `queries`.
    package func attention(
        queries: Tensor, keys: Tensor, values: Tensor, headCount: Int, scale: Float,
        keyBias: UnsafePointer<Float>? = nil, isCausal: Bool = false,
        int8: Int8InstructionSet? = nil, into output: Tensor
    ) {
        let shape = queries.shape
        precondition(shape == output.shape, "attention of \(shape) into \(output.shape)")
        precondition(keys.shape == values.shape, "keys \(keys.shape), values \(values.shape)")
        precondition(
            keys.shape.batch == shape.batch && keys.shape.channels == shape.channels,
            "queries \(shape), keys \(keys.shape)")
        precondition(
            headCount > 0 && shape.channels % headCount == 0, "\(headCount) heads of \(shape)")
        precondition(scale > 0, "scores times \(scale)")
        precondition(int8 == nil || !isCausal, "causal attention in int8")
        // Keys of tokens are in the workspace like the queries, those of a text elsewhere.
        let isCross = keys.storage !== queries.storage
        let span = begin(
            isCross ? .crossAttention : .selfAttention, tokenCount: shape.tokenCount)
        defer { end(span) }
        work.attentionFLOPs += 4 * shape.elementCount * keys.shape.tokenCount
        workspace.scope {
            var arguments = rt_attention(
                queries: queries.kernelSource, keys: keys.kernelSource,
                values: values.kernelSource, output: output.kernelTarget,
                batch: Int64(shape.batch), head_count: Int64(headCount),
                head_dimension: Int64(shape.channels / headCount),
                query_count: Int64(shape.tokenCount), key_count: Int64(keys.shape.tokenCount),
                scale: scale, key_bias: keyBias, is_causal: isCausal ? 1 : 0,
                packed: output.rawPointer, share_count: Int64(team.threadCount),
                scratch: output.rawPointer)
            // The plan determines how much memory `packed` and `scratch` need; until then they are
            // unused.
            let kernels = AttentionKernels(int8: int8, others: self.kernels)
            let plan = kernels.plan(&arguments)
            arguments.packed = workspace.bytes(Int(plan.packed_byte_count))
            arguments.scratch = workspace.bytes(Int(plan.scratch_byte_count) * team.threadCount)
            if isMeasuring { return }
            run(kernels.pack, &arguments, unitCount: Int(plan.pack_unit_count))
            run(kernels.run, &arguments, unitCount: team.threadCount)
        }
    }
}

/// The three kernels of attention.
private struct AttentionKernels {
    let plan: @convention(c) (UnsafePointer<rt_attention>) -> rt_attention_plan
    let pack: Kernel
    let run: Kernel

    init(int8: Int8InstructionSet?, others: UnsafePointer<rt_kernels>) {
        if let int8 {
            let kernels = KernelTable.of(int8).pointee
            (plan, pack, run) = (
                kernels.attention_plan, kernels.attention_pack, kernels.attention_run
            )
        } else {
            let kernels = others.pointee
            (plan, pack, run) = (
                kernels.attention_plan, kernels.attention_pack, kernels.attention_run
            )
        }
    }
}
