// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// The kernels to compute with.
package enum KernelTable {
    /// The kernels of an instruction set that this processor has.
    package static func of(_ instructionSet: InstructionSet) -> UnsafePointer<rt_kernels> {
        guard let kernels = rt_kernels_for(rt_isa(rawValue: instructionSet.rank)) else {
            preconditionFailure("no kernels for \(instructionSet) on this processor")
        }
        return kernels
    }
}
