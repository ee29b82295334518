// SPDX-License-Identifier: Apache-2.0

import CKernels

// Tensors and enumerations in the form used by the C kernels.

extension ElementType {
    /// The kernels' name for it.
    var kernelElement: rt_element {
        switch self {
        case .float32: RT_ELEMENT_F32
        case .bfloat16: RT_ELEMENT_BF16
        }
    }
}

extension Tensor {
    /// The rows, as a kernel's input.
    var kernelSource: rt_source {
        rt_source(
            data: UnsafeRawPointer(rawPointer), row_stride: Int64(rowStride),
            element: elementType.kernelElement)
    }

    /// The rows, as a kernel's output.
    var kernelTarget: rt_target {
        rt_target(
            data: rawPointer, row_stride: Int64(rowStride), element: elementType.kernelElement)
    }
}

extension Optional<Activation> {
    /// The kernels' name for it.
    var kernelActivation: rt_activation {
        switch self {
        case nil: RT_ACTIVATION_NONE
        case .silu: RT_ACTIVATION_SILU
        case .gelu: RT_ACTIVATION_GELU
        case .quickGELU: RT_ACTIVATION_QUICK_GELU
        case .relu: RT_ACTIVATION_RELU
        }
    }
}
