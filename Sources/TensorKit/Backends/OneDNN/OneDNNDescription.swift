// SPDX-License-Identifier: Apache-2.0

import COneDNN

/// The layout of a piece of memory, in oneDNN's terms.
///
/// `@unchecked Sendable`: immutable.
final class OneDNNDescription: @unchecked Sendable {
    let handle: rt_dnnl_description_t

    /// Describes memory with layout `tag`.
    ///
    /// - Parameter dimensions: in the order NCHW for pictures, OIHW for weights.
    init(
        _ dimensions: [Int], _ type: ElementType, _ tag: dnnl_format_tag_t
    ) throws(OneDNNError) {
        var handle: rt_dnnl_description_t?
        let status = rt_dnnl_description_create(
            &handle, Int32(dimensions.count), dimensions.map(Int64.init), type.oneDNNType, tag)
        self.handle = try Self.made(handle, status, "describe a tensor \(dimensions)")
    }

    /// A plan's description of one of its tensors; empty if it has none.
    ///
    /// - Parameter index: 1 is the bias among the weights, everything else has index 0.
    init(
        of tensor: dnnl_query_t, index: Int32 = 0, in plan: dnnl_primitive_desc_t
    ) throws(OneDNNError) {
        var handle: rt_dnnl_description_t?
        let status = rt_dnnl_description_of(&handle, plan, tensor, index)
        self.handle = try Self.made(handle, status, "describe a tensor of a plan")
    }

    deinit { rt_dnnl_description_destroy(handle) }

    /// Bytes of memory with this description, including padding.
    var byteCount: Int { rt_dnnl_description_byte_count(handle) }

    /// Whether both describe the same layout of the same dimensions and type.
    func isEqual(to other: OneDNNDescription) -> Bool {
        rt_dnnl_description_equal(handle, other.handle) == 1
    }

    private static func made(
        _ handle: rt_dnnl_description_t?, _ status: dnnl_status_t,
        _ action: @autoclosure () -> String
    ) throws(OneDNNError) -> rt_dnnl_description_t {
        try OneDNNError.check(status, action())
        guard let handle else { throw OneDNNError(action: action(), status: "no description") }
        return handle
    }
}

extension TensorShape {
    /// A dense NHWC tensor: dimensions are named in the order NCHW.
    func description(_ type: ElementType) throws(OneDNNError) -> OneDNNDescription {
        try OneDNNDescription([batch, channels, height, width], type, dnnl_nhwc)
    }
}
