// SPDX-License-Identifier: Apache-2.0

import CKernels
import TestSupport
import Testing

/// Inputs and output of one fully connected layer in bytes.
struct LinearCase {
    let rows: Int
    let inputs: Int
    let outputs: Int
    var shares = 1
    let input: Matrix
    let output: Matrix
    let residual: Matrix
    var weights: [Float]
    var bias: [Float]
    var activation = RT_ACTIVATION_NONE
    var addsResidual = false
    var activatesSum = false

    init(
        _ shape: (rows: Int, inputs: Int, outputs: Int), _ element: rt_element,
        output: rt_element = RT_ELEMENT_F32
    ) {
        (rows, inputs, outputs) = shape
        var random = SplitMix64(seed: 43)
        input = Matrix(rows: rows, channels: inputs, gap: 3, element: element) { _, _ in
            random.normal()
        }
        residual = Matrix(rows: rows, channels: outputs, gap: 1, element: output) { _, _ in
            random.normal()
        }
        self.output = Matrix(rows: rows, channels: outputs, gap: 2, element: output)
        weights = (0..<inputs * outputs).map { _ in random.normal() }
        bias = (0..<outputs).map { _ in random.normal() }
    }

    /// Packs, rounds and runs, in ranges, out of order.
    func run(_ set: Int8KernelSet) {
        let kernels = set.kernels
        weights.withUnsafeBufferPointer { weights in
            bias.withUnsafeBufferPointer { bias in
                withUnsafePointer(to: residual.source) { residual in
                    var call = rt_linear_int8(
                        input: input.source, output: output.target, weights: output.target.data,
                        bias: bias.baseAddress!, residual: addsResidual ? residual : nil,
                        activation: activation, activates_sum: activatesSum ? 1 : 0,
                        row_count: Int64(rows), input_channels: Int64(inputs),
                        output_channels: Int64(outputs), rounded: output.target.data,
                        share_count: Int64(shares), scratch: output.target.data)
                    let plan = kernels.linear_plan(&call)
                    let packed = GuardedMemory(plan.packed_byte_count)
                    let rounded = GuardedMemory(plan.rounded_byte_count)
                    let scratch = GuardedMemory(Int64(shares) * plan.scratch_byte_count)
                    var packing = rt_linear_int8_pack(
                        weights: weights.baseAddress!, input_channels: Int64(inputs),
                        output_channels: Int64(outputs), packed: packed.base)
                    let cut = plan.pack_unit_count / 2
                    kernels.linear_pack(&packing, cut, plan.pack_unit_count)
                    kernels.linear_pack(&packing, 0, cut)
                    call.weights = UnsafeRawPointer(packed.base)
                    call.rounded = rounded.base
                    call.scratch = scratch.base
                    kernels.linear_round(&call, call.row_count / 2, call.row_count)
                    kernels.linear_round(&call, 0, call.row_count / 2)
                    kernels.linear_run(&call, call.share_count / 2, call.share_count)
                    kernels.linear_run(&call, 0, call.share_count / 2)
                    precondition(
                        packed.isClean && rounded.isClean && scratch.isClean,
                        "wrote past what the plan requested")
                }
            }
        }
    }

    /// The values after rounding to bytes, multiplied in f64.
    func exact() -> [Double] {
        let left = (0..<rows).map { row in rounded((0..<inputs).map { input[row, $0] }) }
        let right = (0..<outputs).map { output in
            rounded(Array(weights[output * inputs..<(output + 1) * inputs]))
        }
        return (0..<rows).flatMap { row in
            (0..<outputs).map { output in
                zip(left[row], right[output]).reduce(Double(bias[output])) { $0 + $1.0 * $1.1 }
                    + (addsResidual ? Double(residual[row, output]) : 0)
            }
        }
    }

    /// The same, unrounded.
    func unrounded() -> [Double] {
        (0..<rows).flatMap { row in
            (0..<outputs).map { output in
                (0..<inputs).reduce(Double(bias[output])) {
                    $0 + Double(input[row, $1]) * Double(weights[output * inputs + $1])
                }
            }
        }
    }

    private func rounded(_ values: [Float]) -> [Double] {
        let greatest = values.map(\.magnitude).max() ?? 0
        guard greatest > 0 else { return values.map(Double.init) }
        let inverse = 127 / greatest
        return values.map {
            Double(($0 * inverse).rounded(.toNearestOrEven)) * Double(greatest) / 127
        }
    }
}

@Suite("Fully connected layers in int8") struct Int8LinearTests {
    private static let shapes: [(rows: Int, inputs: Int, outputs: Int)] = [
        (1, 1, 1), (7, 5, 3), (6, 320, 64), (77, 45, 70), (200, 24, 65),
        // More rows than a block, and more steps than fit in the first-level cache.
        (400, 16, 17), (9, 1100, 130),
    ]

    @Test(arguments: Int8KernelSet.available, Int8LinearTests.shapes.indices)
    func equalsTheProductOfRoundedValues(_ set: Int8KernelSet, _ index: Int) {
        for element in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            var test = LinearCase(Self.shapes[index], element)
            test.addsResidual = true
            test.run(set)
            let deviation = Deviation(test.output.values, from: test.exact())
            #expect(deviation.relative < 1e-6)
            #expect(test.output.hasCleanGaps)
        }
    }

    /// What rounding to bytes costs with normally distributed values.
    @Test func roundingCostsOnePercent() {
        let test = LinearCase((40, 320, 64), RT_ELEMENT_F32)
        test.run(.scalar)
        let deviation = Deviation(test.output.values, from: test.unrounded())
        #expect(deviation.relative > 0.002 && deviation.relative < 0.02)
    }

    /// Sums are exact, and everything else is computed in the same order.
    @Test(arguments: Int8KernelSet.available, Int8LinearTests.shapes.indices)
    func bitsAreThoseOfTheReference(_ set: Int8KernelSet, _ index: Int) {
        for output in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
            for activation in [RT_ACTIVATION_NONE, RT_ACTIVATION_RELU] {
                for activatesSum in [false, true] {
                    let results = [Int8KernelSet.scalar, set].map { set in
                        var test = LinearCase(Self.shapes[index], RT_ELEMENT_BF16, output: output)
                        test.activation = activation
                        test.addsResidual = true
                        test.activatesSum = activatesSum
                        test.run(set)
                        return test.output.values
                    }
                    #expect(differingBitCount(results[0], results[1]) == 0)
                }
            }
        }
    }

    @Test(arguments: Int8KernelSet.available)
    func bitsDoNotDependOnShares(_ set: Int8KernelSet) {
        let results = [1, 2, 7].map { shares in
            var test = LinearCase((401, 20, 130), RT_ELEMENT_F32)
            test.shares = shares
            test.run(set)
            return test.output.values
        }
        #expect(differingBitCount(results[0], results[1]) == 0)
        #expect(differingBitCount(results[0], results[2]) == 0)
    }

    /// NaN and infinity make their row NaN.
    @Test(arguments: Int8KernelSet.available)
    func notANumberAndInfinityStayInTheirRow(_ set: Int8KernelSet) {
        for bad in [Float.nan, .infinity, -.infinity] {
            let test = LinearCase((9, 36, 8), RT_ELEMENT_F32)
            test.input[3, 35] = bad
            test.run(set)
            #expect(
                (0..<9).allSatisfy { row in
                    (0..<8).allSatisfy { test.output[row, $0].isNaN == (row == 3) }
                })
        }
    }

    @Test(arguments: Int8KernelSet.available)
    func aRowOfZerosGivesTheBias(_ set: Int8KernelSet) {
        let test = LinearCase((3, 36, 8), RT_ELEMENT_F32)
        for channel in 0..<36 { test.input[1, channel] = channel == 7 ? .leastNormalMagnitude : 0 }
        test.run(set)
        #expect((0..<8).allSatisfy { test.output[1, $0] == test.bias[$0] })
    }
}
