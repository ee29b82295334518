// SPDX-License-Identifier: Apache-2.0

import CKernels
import Testing

@Suite struct PeakTests {
    /// All factors are one, so that the sum is the number of products actually added.
    @Test(arguments: KernelSet.available)
    func operationsAreDoneAndCounted(_ set: KernelSet) {
        for element in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            var result: Float = 0
            var operationCount: Int64 = 0
            withUnsafeMutablePointer(to: &result) { result in
                withUnsafeMutablePointer(to: &operationCount) { operationCount in
                    var arguments = rt_peak(
                        element: element, result: result, operation_count: operationCount)
                    set.kernels.peak(&arguments, 3, 103)
                }
            }
            // In words, one is its bits: in bf16 the lower of the two values is zero.
            let productsPerOperation: Float =
                element == RT_ELEMENT_BF16 && set.multipliesBFloat16 ? 0.5 : 1
            #expect(result == Float(operationCount) / 2 * productsPerOperation)
            #expect(operationCount > 0 && operationCount.isMultiple(of: 200))
        }
    }
}
