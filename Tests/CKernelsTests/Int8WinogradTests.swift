// SPDX-License-Identifier: Apache-2.0

import CKernels
import TestSupport
import Testing

@Suite("Winograd's algorithm in int8") struct Int8WinogradTests {
    private static let shapes: [WinogradShape] = [
        WinogradShape(height: 1, width: 1, inputs: 2, outputs: 1),
        WinogradShape(height: 2, width: 2, inputs: 16, outputs: 64),
        WinogradShape(height: 5, width: 7, inputs: 34, outputs: 70),
        WinogradShape(batch: 3, height: 4, width: 3, inputs: 18, outputs: 33, shares: 2),
        WinogradShape(height: 1, width: 9, inputs: 32, outputs: 65, shares: 5),
        // More patches than a block has, and more steps than fit in the first-level cache.
        WinogradShape(height: 26, width: 25, inputs: 16, outputs: 8),
        WinogradShape(height: 3, width: 4, inputs: 1100, outputs: 20, shares: 3),
        WinogradShape(
            batch: 2, height: 5, width: 4, inputs: 18, outputs: 33, shares: 2, verticalPadding: 0),
    ]

    /// Relative error of rounding after the transform; a direct convolution with one scale for the
    /// input has more.
    @Test(arguments: Int8KernelSet.available, Int8WinogradTests.shapes)
    func isCloseToTheConvolution(_ set: Int8KernelSet, _ shape: WinogradShape) {
        for element in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            let test = WinogradCase(shape, RT_WINOGRAD_2X2, element)
            test.run(set)
            let deviation = Deviation(test.output.values, from: test.exact())
            #expect(deviation.relative < 0.02)
            #expect(test.output.hasCleanGaps)
        }
    }

    /// Sums are exact, and everything else is computed in the same order.
    @Test(arguments: Int8KernelSet.available, Int8WinogradTests.shapes)
    func bitsAreThoseOfTheReference(_ set: Int8KernelSet, _ shape: WinogradShape) {
        for output in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            for activatesSum in [false, true] {
                let results = [Int8KernelSet.scalar, set].map { set in
                    var test = WinogradCase(shape, RT_WINOGRAD_2X2, RT_ELEMENT_BF16, output: output)
                    test.activation = RT_ACTIVATION_RELU
                    test.addsResidual = true
                    test.activatesSum = activatesSum
                    test.run(set)
                    return test.output.values
                }
                #expect(differingBitCount(results[0], results[1]) == 0)
            }
        }
    }

    @Test(arguments: Int8KernelSet.available)
    func bitsDoNotDependOnShares(_ set: Int8KernelSet) {
        let results = [1, 2, 7].map { shares in
            var shape = Self.shapes[5]
            shape.shares = shares
            let test = WinogradCase(shape, RT_WINOGRAD_2X2, RT_ELEMENT_BF16)
            test.run(set)
            return test.output.values
        }
        #expect(differingBitCount(results[0], results[1]) == 0)
        #expect(differingBitCount(results[0], results[2]) == 0)
    }

    @Test(arguments: Int8KernelSet.available)
    func notANumberStaysInItsNeighbourhood(_ set: Int8KernelSet) {
        let test = WinogradCase(
            WinogradShape(height: 8, width: 8, inputs: 16, outputs: 4), RT_WINOGRAD_2X2,
            RT_ELEMENT_F32)
        test.input[0, 3] = .nan
        test.run(set)
        #expect(test.output[0, 0].isNaN && test.output[9, 3].isNaN)
        // Only the first patch contains it: beyond that patch's outputs nothing is affected.
        #expect((0..<64).allSatisfy { ($0 % 8 < 2 && $0 / 8 < 2) || !test.output[$0, 0].isNaN })
    }
}

extension WinogradCase {
    /// Packs and runs, in ranges, out of order.
    func run(_ set: Int8KernelSet) {
        let kernels = set.kernels
        run(
            plan: kernels.winograd_plan, pack: kernels.winograd_pack, run: kernels.winograd_run)
    }
}
