// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// The kernels to compute with.
package enum KernelTable {
    /// Those of the best instruction set that this processor has.
    package static func best() -> UnsafePointer<rt_kernels> {
        guard let kernels = rt_kernels_for(rt_isa_detect()) else {
            preconditionFailure("the detected instruction set has no kernels")
        }
        return kernels
    }

    /// Their name, for the kernel class of a node.
    package static var bestName: String { String(cString: best().pointee.name) }
}
