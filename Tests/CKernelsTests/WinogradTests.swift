// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc
import TestSupport
import Testing

/// Shape of a convolution of 3×3 pixels.
struct WinogradShape: Sendable, CustomTestStringConvertible {
    var batch = 1
    var height: Int
    var width: Int
    var inputs: Int
    var outputs: Int
    var shares = 1
    /// 0 if the input has an extra line above and below.
    var verticalPadding = 1

    var pixelCount: Int { batch * height * width }
    var inputHeight: Int { height + 2 - 2 * verticalPadding }
    var testDescription: String {
        "\(inputs)→\(outputs) on \(batch)×\(height)×\(width), \(shares) shares, "
            + "padding \(verticalPadding)"
    }
}

/// A kernel with its arguments and a range of work units.
typealias Kernel = @convention(c) (UnsafeRawPointer, Int64, Int64) -> Void

/// Inputs and output of one convolution.
struct WinogradCase {
    let shape: WinogradShape
    let tile: rt_winograd_tile
    let input: Matrix
    let output: Matrix
    let residual: Matrix
    var weights: [Float]
    var bias: [Float]
    var activation = RT_ACTIVATION_NONE
    var addsResidual = false
    var activatesSum = false

    init(
        _ shape: WinogradShape, _ tile: rt_winograd_tile, _ element: rt_element,
        output: rt_element = RT_ELEMENT_F32
    ) {
        self.shape = shape
        self.tile = tile
        var random = SplitMix64(seed: 41)
        input = Matrix(
            rows: shape.batch * shape.inputHeight * shape.width, channels: shape.inputs, gap: 3,
            element: element
        ) { _, _ in random.normal() }
        residual = Matrix(
            rows: shape.pixelCount, channels: shape.outputs, gap: 1, element: output
        ) { _, _ in random.normal() }
        self.output = Matrix(
            rows: shape.pixelCount, channels: shape.outputs, gap: 2, element: output)
        let scale = 1 / Float(9 * shape.inputs).squareRoot()
        weights = (0..<9 * shape.inputs * shape.outputs).map { _ in scale * random.normal() }
        bias = (0..<shape.outputs).map { _ in random.normal() }
    }

    /// Packs and runs, in ranges, out of order.
    func run(_ set: KernelSet) {
        let kernels = set.kernels
        run(plan: kernels.winograd_plan, pack: kernels.winograd_pack, run: kernels.winograd_run)
    }

    /// The same by given kernels.
    func run(
        plan makePlan: @convention(c) (UnsafePointer<rt_winograd>) -> rt_winograd_plan,
        pack: Kernel, run: Kernel
    ) {
        weights.withUnsafeBufferPointer { weights in
            bias.withUnsafeBufferPointer { bias in
                withUnsafePointer(to: residual.source) { residual in
                    var call = rt_winograd(
                        tile: tile,
                        input: input.source, output: output.target, weights: output.target.data,
                        bias: bias.baseAddress!, residual: addsResidual ? residual : nil,
                        activation: activation, activates_sum: activatesSum ? 1 : 0,
                        batch: Int64(shape.batch),
                        height: Int64(shape.height), width: Int64(shape.width),
                        vertical_padding: Int64(shape.verticalPadding),
                        input_channels: Int64(shape.inputs),
                        output_channels: Int64(shape.outputs),
                        share_count: Int64(shape.shares), scratch: output.target.data)
                    let plan = makePlan(&call)
                    let packed = GuardedMemory(plan.packed_byte_count)
                    let scratch = GuardedMemory(Int64(shape.shares) * plan.scratch_byte_count)
                    var packing = rt_winograd_pack(
                        tile: tile, weights: weights.baseAddress!,
                        input_channels: Int64(shape.inputs),
                        output_channels: Int64(shape.outputs), element: input.element,
                        packed: packed.base)
                    let cut = plan.pack_unit_count / 2
                    pack(&packing, cut, plan.pack_unit_count)
                    pack(&packing, 0, cut)
                    call.weights = UnsafeRawPointer(packed.base)
                    call.scratch = scratch.base
                    let half = call.share_count / 2
                    run(&call, half, call.share_count)
                    run(&call, 0, half)
                    precondition(
                        packed.isClean && scratch.isClean, "wrote past what the plan requested")
                }
            }
        }
    }

    /// The definition of the convolution, in f64.
    func exact() -> [Double] {
        (0..<shape.pixelCount).flatMap { pixel in
            (0..<shape.outputs).map { exact(pixel, $0) }
        }
    }

    private func exact(_ pixel: Int, _ output: Int) -> Double {
        let (item, place) = pixel.quotientAndRemainder(dividingBy: shape.height * shape.width)
        let (y, x) = place.quotientAndRemainder(dividingBy: shape.width)
        var sum = Double(bias[output])
        for tap in 0..<9 {
            let (row, column) = (y + tap / 3 - shape.verticalPadding, x + tap % 3 - 1)
            guard (0..<shape.inputHeight).contains(row), (0..<shape.width).contains(column) else {
                continue
            }
            let source = (item * shape.inputHeight + row) * shape.width + column
            for channel in 0..<shape.inputs {
                let weight = weights[(tap * shape.inputs + channel) * shape.outputs + output]
                sum += Double(input[source, channel]) * Double(weight)
            }
        }
        let addend = addsResidual ? Double(residual[pixel, output]) : 0
        return activatesSum ? activated(sum + addend) : activated(sum) + addend
    }

    private func activated(_ value: Double) -> Double {
        switch activation {
        case RT_ACTIVATION_SILU: value / (1 + exp(-value))
        case RT_ACTIVATION_RELU: max(value, 0)
        default: value
        }
    }
}

@Suite struct WinogradTests {
    private static let shapes: [WinogradShape] = [
        WinogradShape(height: 1, width: 1, inputs: 2, outputs: 1),
        WinogradShape(height: 2, width: 2, inputs: 16, outputs: 64),
        WinogradShape(height: 5, width: 7, inputs: 34, outputs: 70),
        WinogradShape(batch: 3, height: 4, width: 3, inputs: 18, outputs: 33, shares: 2),
        WinogradShape(height: 1, width: 9, inputs: 32, outputs: 65, shares: 5),
        // More patches than a block has, and more steps than fit in the first-level cache.
        WinogradShape(height: 26, width: 25, inputs: 16, outputs: 8),
        WinogradShape(height: 3, width: 4, inputs: 300, outputs: 20, shares: 3),
        WinogradShape(
            batch: 2, height: 5, width: 4, inputs: 18, outputs: 33, shares: 2, verticalPadding: 0),
        WinogradShape(height: 4, width: 7, inputs: 32, outputs: 65, verticalPadding: 0),
        // Shares of the same patches with different outputs.
        manyShares,
    ]

    private static let manyShares = WinogradShape(
        height: 26, width: 15, inputs: 16, outputs: 330, shares: 8)

    private static let tiles = [RT_WINOGRAD_2X2, RT_WINOGRAD_4X4]

    /// Allowed relative distance from the convolution in f64.
    private func tolerance(
        _ tile: rt_winograd_tile, _ element: rt_element, _ set: KernelSet
    ) -> Double {
        // Rounding of transformed pixels and weights, where products are in bf16.
        let isRounded = element == RT_ELEMENT_BF16 && set.multipliesBFloat16
        if tile == RT_WINOGRAD_2X2 { return isRounded ? 4e-3 : 1e-6 }
        return isRounded ? 1.5e-2 : 2e-6
    }

    @Test(arguments: KernelSet.available, WinogradTests.shapes)
    func equalsTheConvolution(_ set: KernelSet, _ shape: WinogradShape) {
        for tile in Self.tiles {
            for element in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
                let test = WinogradCase(shape, tile, element)
                test.run(set)
                let deviation = Deviation(test.output.values, from: test.exact())
                #expect(
                    deviation.relative < tolerance(tile, element, set),
                    "\(tile), \(element): \(deviation.relative)")
                #expect(test.output.hasCleanGaps)
            }
        }
    }

    /// The vector kernels compute what the definition's matrices say, in another order.
    @Test(arguments: KernelSet.available, WinogradTests.shapes)
    func equalsTheScalarKernels(_ set: KernelSet, _ shape: WinogradShape) throws {
        let scalar = try #require(KernelSet.available.first { $0.isa == RT_ISA_SCALAR })
        for tile in Self.tiles {
            let reference = WinogradCase(shape, tile, RT_ELEMENT_F32)
            reference.run(scalar)
            let test = WinogradCase(shape, tile, RT_ELEMENT_F32)
            test.run(set)
            let expected = reference.output.values.map(Double.init)
            let deviation = Deviation(test.output.values, from: expected)
            #expect(
                deviation.relative < tolerance(tile, RT_ELEMENT_F32, set),
                "\(tile): \(deviation.relative)")
        }
    }

    /// Sums of many channels are made of parts, so that F(4x4) is as exact as F(2x2) there.
    @Test(arguments: KernelSet.available.filter { $0.isa != RT_ISA_SCALAR })
    func longSumsAreAsExactAsSmallTiles(_ set: KernelSet) {
        let shape = WinogradShape(height: 8, width: 8, inputs: 1280, outputs: 16)
        let deviations = Self.tiles.map { tile in
            let test = WinogradCase(shape, tile, RT_ELEMENT_F32)
            test.run(set)
            return Deviation(test.output.values, from: test.exact()).relative
        }
        #expect(deviations[1] < 1.5 * deviations[0], "\(deviations)")
    }

    @Test(arguments: KernelSet.available)
    func biasActivationAndResidualFollow(_ set: KernelSet) {
        for tile in Self.tiles {
            for output in [RT_ELEMENT_F32, RT_ELEMENT_BF16] {
                for activation in [RT_ACTIVATION_SILU, RT_ACTIVATION_RELU] {
                    for activatesSum in [false, true] {
                        var test = WinogradCase(
                            Self.shapes[2], tile, RT_ELEMENT_F32, output: output)
                        test.activation = activation
                        test.addsResidual = true
                        test.activatesSum = activatesSum
                        test.run(set)
                        let deviation = Deviation(test.output.values, from: test.exact())
                        #expect(
                            deviation.relative
                                < (output == RT_ELEMENT_F32
                                    ? tolerance(tile, RT_ELEMENT_F32, set) : 3e-3))
                    }
                }
            }
        }
    }

    /// However the picture is split, a pixel's sums are the same.
    @Test(arguments: KernelSet.available)
    func bitsDoNotDependOnShares(_ set: KernelSet) {
        for tile in Self.tiles {
            let results = [1, 2, 7, 12, 64].map { shares in
                var shape = Self.manyShares
                shape.shares = shares
                let test = WinogradCase(shape, tile, RT_ELEMENT_BF16)
                test.run(set)
                return test.output.values.map(\.bitPattern)
            }
            #expect(results.allSatisfy { $0 == results[0] })
        }
    }

    @Test(arguments: KernelSet.available)
    func notANumberStaysInItsNeighbourhood(_ set: KernelSet) {
        // Only the first patch contains it: beyond that patch's outputs nothing is affected.
        for (tile, reach) in [(RT_WINOGRAD_2X2, 2), (RT_WINOGRAD_4X4, 4)] {
            let test = WinogradCase(
                WinogradShape(height: 8, width: 8, inputs: 16, outputs: 4), tile, RT_ELEMENT_F32)
            test.input[0, 3] = .nan
            test.run(set)
            #expect(test.output[0, 0].isNaN && test.output[9, 3].isNaN)
            #expect(
                (0..<64).allSatisfy {
                    ($0 % 8 < reach && $0 / 8 < reach) || !test.output[$0, 0].isNaN
                })
        }
    }
}
