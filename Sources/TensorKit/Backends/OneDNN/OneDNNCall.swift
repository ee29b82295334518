// SPDX-License-Identifier: Apache-2.0

import COneDNN

/// The argument list of a primitive, kept so that executing it again allocates nothing here.
///
/// `@unchecked Sendable`: it has a single owner once taken from the primitive's list.
final class OneDNNCall: @unchecked Sendable {
    /// The library's descriptions of a primitive's tensors.
    struct Descriptions {
        let source: OneDNNDescription
        let bias: OneDNNDescription
        let target: OneDNNDescription
        let scratch: OneDNNDescription

        init(_ plan: borrowing OneDNNPlan) throws(OneDNNError) {
            source = try plan.description(of: dnnl_query_src_md)
            // Weights are number 0 of the weights, the bias is number 1.
            bias = try plan.description(of: dnnl_query_weights_md, index: 1)
            target = try plan.description(of: dnnl_query_dst_md)
            scratch = try plan.description(of: dnnl_query_scratchpad_md)
        }
    }

    let source: OneDNNMemory
    let bias: OneDNNMemory
    let target: OneDNNMemory
    let scratch: OneDNNMemory
    let stream: dnnl_stream_t
    let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>

    init(
        _ descriptions: Descriptions, weights: OneDNNWeights, library: OneDNNLibrary
    ) throws(OneDNNError) {
        source = try OneDNNMemory(descriptions.source, library: library)
        bias = try OneDNNMemory(descriptions.bias, library: library)
        target = try OneDNNMemory(descriptions.target, library: library)
        scratch = try OneDNNMemory(descriptions.scratch, library: library)
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
