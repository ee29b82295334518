// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// The kernels to compute with.
package enum KernelTable {
    /// The kernels of an instruction set that this processor has.
    package static func of(_ instructionSet: InstructionSet) -> UnsafePointer<rt_kernels> {
        guard let kernels = rt_kernels_for(instructionSet.kernelSet) else {
            preconditionFailure("no kernels for \(instructionSet) on this processor")
        }
        return kernels
    }

    /// Whether this processor and this system have an instruction set.
    static func exists(_ instructionSet: InstructionSet) -> Bool {
        rt_kernels_for(instructionSet.kernelSet) != nil
    }

    /// The kernels for products of bytes of an instruction set that this processor has.
    static func of(_ instructionSet: Int8InstructionSet) -> UnsafePointer<rt_int8_kernels> {
        guard let kernels = rt_int8_kernels_for(instructionSet.kernelSet) else {
            preconditionFailure("no kernels for \(instructionSet) on this processor")
        }
        return kernels
    }
}
