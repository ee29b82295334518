// SPDX-License-Identifier: Apache-2.0

import CKernels
import Testing

/// The kernels of one instruction set, printable as a test argument.
struct KernelSet: CustomTestStringConvertible, Sendable {
    let isa: rt_isa

    /// Every set that this machine can run, the scalar one first.
    static let available: [KernelSet] =
        [RT_ISA_SCALAR, RT_ISA_AVX2, RT_ISA_AVX512, RT_ISA_AVX512_BF16]
        .filter { rt_kernels_for($0) != nil }.map(KernelSet.init)

    /// The function table.
    var kernels: rt_kernels {
        guard let table = rt_kernels_for(isa) else { preconditionFailure("filtered above") }
        return table.pointee
    }

    var testDescription: String { String(cString: kernels.name) }
}
