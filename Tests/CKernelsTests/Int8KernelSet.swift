// SPDX-License-Identifier: Apache-2.0

import CKernels
import Testing

/// The kernels for products of bytes of one instruction set, printable as a test argument.
struct Int8KernelSet: CustomTestStringConvertible, Sendable {
    let isa: rt_int8_isa

    /// The reference of all others.
    static let scalar = Int8KernelSet(isa: RT_INT8_ISA_SCALAR)
    /// Every set that this machine can run, the scalar one first.
    static let available: [Int8KernelSet] =
        [RT_INT8_ISA_SCALAR, RT_INT8_ISA_AVX2_VNNI, RT_INT8_ISA_AVX512_VNNI]
        .filter { rt_int8_kernels_for($0) != nil }.map(Int8KernelSet.init)

    /// The function table.
    var kernels: rt_int8_kernels {
        guard let table = rt_int8_kernels_for(isa) else { preconditionFailure("filtered above") }
        return table.pointee
    }

    var testDescription: String { String(cString: kernels.name) }
}

/// The number of values with other bits: comparing arrays prints them.
func differingBitCount(_ left: [Float], _ right: [Float]) -> Int {
    precondition(left.count == right.count, "\(left.count), \(right.count)")
    return zip(left, right).count { $0.bitPattern != $1.bitPattern }
}
