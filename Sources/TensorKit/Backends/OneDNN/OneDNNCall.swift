// SPDX-License-Identifier: Apache-2.0

internal import COneDNN

/// The argument list of a primitive, kept so that executing it again allocates nothing here.
///
/// `@unchecked Sendable`: whoever took it from the primitive's list has it alone.
final class OneDNNCall: @unchecked Sendable {
    /// What the library says about the tensors of a primitive.
    struct Descriptors {
        let source: dnnl_memory_desc_t
        let bias: dnnl_memory_desc_t
        let target: dnnl_memory_desc_t
        let scratch: dnnl_memory_desc_t

        init(_ plan: borrowing OneDNNPlan) {
            source = plan.descriptor(of: dnnl_query_src_md)
            // Weights are number 0 of the weights, the bias is number 1.
            bias = dnnl_primitive_desc_query_md(plan.description, dnnl_query_weights_md, 1).pointee
            target = plan.descriptor(of: dnnl_query_dst_md)
            scratch = plan.descriptor(of: dnnl_query_scratchpad_md)
        }
    }

    let source: OneDNNMemory
    let bias: OneDNNMemory
    let target: OneDNNMemory
    let scratch: OneDNNMemory
    let stream: dnnl_stream_t
    let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>

    init(
        _ descriptors: Descriptors, weights: OneDNNWeights, library: OneDNNLibrary
    ) throws(OneDNNError) {
        source = try OneDNNMemory(descriptors.source, library: library)
        bias = try OneDNNMemory(descriptors.bias, library: library)
        target = try OneDNNMemory(descriptors.target, library: library)
        scratch = try OneDNNMemory(descriptors.scratch, library: library)
        var stream: dnnl_stream_t?
        try OneDNNError.check(
            dnnl_stream_create(&stream, library.engine, dnnl_stream_default_flags.rawValue),
            "create a stream")
        guard let stream else {
            throw OneDNNError(action: "create a stream", status: "no stream")
        }
        self.stream = stream
        arguments = .allocate(capacity: 5)
        _ = arguments.initialize(from: [
            dnnl_exec_arg_t(arg: DNNL_ARG_SRC, memory: source.handle),
            dnnl_exec_arg_t(arg: DNNL_ARG_WEIGHTS, memory: weights.memory.handle),
            dnnl_exec_arg_t(arg: DNNL_ARG_BIAS, memory: bias.handle),
            dnnl_exec_arg_t(arg: DNNL_ARG_DST, memory: target.handle),
            dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: scratch.handle),
        ])
    }

    deinit {
        arguments.deallocate()
        dnnl_stream_destroy(stream)
    }
}
