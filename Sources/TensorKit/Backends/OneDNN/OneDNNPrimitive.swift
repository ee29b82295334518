// SPDX-License-Identifier: Apache-2.0

import COneDNN
import Synchronization

/// The parameters for which a primitive is compiled.
struct OneDNNPrimitiveKey: Hashable, Sendable {
    var geometry: ConvolutionGeometry
    var input: TensorShape
    var inputType: ElementType
    var outputType: ElementType
    var activation: Activation?
    /// Whether it adds to its output instead of replacing it.
    var accumulates: Bool
    /// Whether it adds before the activation.
    var activatesSum = false
    /// Loops are split for this many threads on creation.
    var threadCount: Int
}

/// The library's choices for a key, before anything is compiled.
struct OneDNNPlan: ~Copyable {
    let handle: dnnl_primitive_desc_t
    let key: OneDNNPrimitiveKey

    /// Requests a forward convolution on dense NHWC tensors, with the weight layout the library
    /// prefers.
    init(_ key: OneDNNPrimitiveKey, library: OneDNNLibrary) throws(OneDNNError) {
        self.key = key
        let geometry = key.geometry
        let source = try key.input.description(key.inputType)
        let target = try geometry.outputShape(for: key.input).description(key.outputType)
        let bias = try OneDNNDescription([geometry.outputChannels], .float32, dnnl_a)
        let weights = try OneDNNDescription(
            geometry.weightDimensions, key.inputType, dnnl_format_tag_any)
        let attributes = try Self.attributes(key)
        defer { dnnl_primitive_attr_destroy(attributes) }
        var handle: dnnl_primitive_desc_t?
        try OneDNNError.check(
            rt_dnnl_convolution_plan(
                &handle, library.engine, source.handle, weights.handle, bias.handle,
                target.handle, Int64(geometry.stride), Int64(geometry.verticalPadding),
                Int64(geometry.padding), attributes),
            "plan \(geometry) on \(key.input)")
        guard let handle else {
            throw OneDNNError(action: "plan \(geometry)", status: "no plan")
        }
        self.handle = handle
    }

    deinit { dnnl_primitive_desc_destroy(handle) }

    /// Scratch memory supplied by the caller; then activation and accumulation in the key's order.
    private static func attributes(_ key: OneDNNPrimitiveKey) throws(OneDNNError)
        -> dnnl_primitive_attr_t?
    {
        var attributes: dnnl_primitive_attr_t?
        try OneDNNError.check(dnnl_primitive_attr_create(&attributes), "create attributes")
        var operations: dnnl_post_ops_t?
        try OneDNNError.check(dnnl_post_ops_create(&operations), "create post-ops")
        defer { dnnl_post_ops_destroy(operations) }
        func appendSum() throws(OneDNNError) {
            try OneDNNError.check(rt_dnnl_append_sum(operations), "add a sum")
        }
        if key.accumulates, key.activatesSum { try appendSum() }
        if let activation = key.activation {
            let (algorithm, alpha): (dnnl_alg_kind_t, Float) =
                switch activation {
                case .silu: (dnnl_eltwise_swish, 1)
                case .quickGELU: (dnnl_eltwise_swish, 1.702)
                case .gelu: (dnnl_eltwise_gelu_erf, 0)
                case .relu: (dnnl_eltwise_relu, 0)
                }
            try OneDNNError.check(
                rt_dnnl_append_activation(operations, algorithm, alpha), "add an activation")
        }
        if key.accumulates, !key.activatesSum { try appendSum() }
        try OneDNNError.check(
            dnnl_primitive_attr_set_post_ops(attributes, operations), "set post-ops")
        // The environment may set a coarser default (ONEDNN_DEFAULT_FPMATH_MODE=BF16), by which the
        // library rounds f32 products where that is faster: other bits, without another class.
        try OneDNNError.check(
            dnnl_primitive_attr_set_fpmath_mode(attributes, dnnl_fpmath_mode_strict),
            "set the precision of f32 products")
        try OneDNNError.check(
            dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
            "set the scratchpad mode")
        return attributes
    }

    /// The library's description of one of the primitive's tensors.
    func description(
        of tensor: dnnl_query_t, index: Int32 = 0
    ) throws(OneDNNError) -> OneDNNDescription {
        try OneDNNDescription(of: tensor, index: index, in: handle)
    }

    /// The implementation chosen by the library, such as `brgconv:avx512_core`.
    var implementation: String {
        var name: UnsafePointer<CChar>?
        let status = dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, &name)
        guard status == dnnl_success, let name else { return "unknown" }
        return String(cString: name)
    }
}

extension OneDNNPlan {
    /// Whether the library has no optimised code for this and would run a plain loop.
    var isSlow: Bool { implementation.hasPrefix("ref") }
}

extension ConvolutionGeometry {
    /// The shape `[outputChannels, inputChannels, kernelSize, kernelSize]`.
    var weightDimensions: [Int] { [outputChannels, inputChannels, kernelSize, kernelSize] }
}

/// A compiled layer for one shape, with its weights.
///
/// `@unchecked Sendable`: the handle never changes, and with scratch memory supplied by the caller
/// any number of threads may execute it concurrently.
final class OneDNNPrimitive: @unchecked Sendable {
    let key: OneDNNPrimitiveKey
    /// Scratch memory of one execution.
    let scratchByteCount: Int
    let implementation: String
    private let handle: dnnl_primitive_t
    let weights: OneDNNWeights
    private let library: OneDNNLibrary
    private let tensors: OneDNNCall.Descriptions
    /// Unused argument lists: as many as lanes ever ran this concurrently.
    private let idleCalls = Mutex<[OneDNNCall]>([])

    init(
        _ plan: borrowing OneDNNPlan, weights: OneDNNWeights, library: OneDNNLibrary
    ) throws(OneDNNError) {
        key = plan.key
        self.weights = weights
        self.library = library
        implementation = plan.implementation
        tensors = try OneDNNCall.Descriptions(plan)
        scratchByteCount = tensors.scratch.byteCount
        var handle: dnnl_primitive_t?
        try OneDNNError.check(
            dnnl_primitive_create(&handle, plan.handle), "compile \(plan.key.geometry)")
        guard let handle else {
            throw OneDNNError(action: "compile \(plan.key.geometry)", status: "no primitive")
        }
        self.handle = handle
        idleCalls.withLock { $0.reserveCapacity(8) }
    }

    deinit { dnnl_primitive_destroy(handle) }

    /// Ensures that the next `execute` creates nothing, in this many lanes at once.
    func prepare(laneCount: Int) throws(OneDNNError) {
        while idleCalls.withLock({ $0.count }) < laneCount {
            let call = try OneDNNCall(tensors, weights: weights, library: library)
            idleCalls.withLock { $0.append(call) }
        }
    }

    func execute(
        input: UnsafeMutableRawPointer, bias: UnsafeMutableRawPointer,
        output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
    ) throws(OneDNNError) {
        let call = try takeCall(input: input)
        call.source.move(to: input)
        call.bias.move(to: bias)
        call.target.move(to: output)
        call.scratch.move(to: scratch)
        let status = dnnl_primitive_execute(
            handle, call.stream, Int32(call.arguments.count), call.arguments.baseAddress)
        idleCalls.withLock { $0.append(call) }
        try OneDNNError.check(status, "execute \(key.geometry) on \(key.input)")
    }

    /// An idle argument list, preferably the one last used with this input.
    private func takeCall(input: UnsafeMutableRawPointer?) throws(OneDNNError) -> OneDNNCall {
        let address = UInt(bitPattern: input)
        let idle = idleCalls.withLock { calls -> OneDNNCall? in
            let used = calls.firstIndex { UInt(bitPattern: $0.source.address) == address }
            return used.map { calls.remove(at: $0) } ?? calls.popLast()
        }
        if let idle { return idle }
        return try OneDNNCall(tensors, weights: weights, library: library)
    }
}
