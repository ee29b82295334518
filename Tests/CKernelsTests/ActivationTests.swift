// SPDX-License-Identifier: Apache-2.0

import CKernels
import Glibc
import TestSupport
import Testing

@Suite("Activations")
struct ActivationTests {
    static let activations = [
        RT_ACTIVATION_NONE, RT_ACTIVATION_SILU, RT_ACTIVATION_GELU, RT_ACTIVATION_QUICK_GELU,
        RT_ACTIVATION_RELU,
    ]

    private func expected(_ x: Double, _ activation: rt_activation) -> Double {
        switch activation {
        case RT_ACTIVATION_SILU: x / (1 + exp(-x))
        case RT_ACTIVATION_GELU: 0.5 * x * erfc(-x * 0.5.squareRoot())
        case RT_ACTIVATION_QUICK_GELU: x / (1 + exp(-1.702 * x))
        case RT_ACTIVATION_RELU: max(x, 0)
        default: x
        }
    }

    private func activate(
        _ set: KernelSet, _ activation: rt_activation, _ source: Matrix, into target: Matrix
    ) {
        var arguments = rt_activate(
            source: source.source, target: target.target, channels: Int64(source.channels),
            activation: activation)
        set.kernels.activate(&arguments, 0, Int64(source.rowCount))
    }

    /// 100 000 values: close together around 0, and out to where everything saturates.
    private static let sweep: [Float] =
        (0..<80_000).map { Float($0 - 40_000) / 4000 }
        + (0..<20_000).map { Float($0 - 10_000) / 50 }

    @Test("1e-6 absolute against libm in f64", arguments: KernelSet.available, activations)
    func accuracy(_ set: KernelSet, activation: rt_activation) {
        let source = Matrix(rows: 100, channels: 1000, element: RT_ELEMENT_F32) {
            Self.sweep[$0 * 1000 + $1]
        }
        let target = Matrix(rows: 100, channels: 1000, element: RT_ELEMENT_F32)
        activate(set, activation, source, into: target)
        // Beyond |x| = 8 a unit in the last place of the result itself is about 1e-6.
        for (input, result) in zip(source.values, target.values) {
            let exact = expected(Double(input), activation)
            let tolerance = max(1e-6, Double(input.magnitude) * 2.4e-7)
            if (Double(result) - exact).magnitude > tolerance {
                Issue.record("\(activation) of \(input) is \(result), should be \(exact)")
                return
            }
        }
    }

    /// SiLU of very negative numbers is x · exp(x): its relative error is the exponential's.
    @Test("the exponential keeps relative accuracy", arguments: KernelSet.available)
    func exponential(_ set: KernelSet) {
        let source = Matrix(rows: 1, channels: 8700, element: RT_ELEMENT_F32) {
            -Float($1) / 100
        }
        let target = Matrix(rows: 1, channels: 8700, element: RT_ELEMENT_F32)
        activate(set, RT_ACTIVATION_SILU, source, into: target)
        let worst = zip(source.values, target.values).dropFirst().map { input, result in
            let exact = expected(Double(input), RT_ACTIVATION_SILU)
            return ((Double(result) - exact) / exact).magnitude
        }.max()
        #expect((worst ?? 1) < 1e-6)
    }

    @Test("NaN, infinities and huge values", arguments: KernelSet.available, activations)
    func extremes(_ set: KernelSet, activation: rt_activation) {
        let inputs: [Float] = [
            .nan, -.nan, .infinity, 1e30, -1e30, 3e38, -3e38, 0, -.leastNonzeroMagnitude,
        ]
        // In every lane of a vector and in the part after the last full one.
        for shift in 0..<20 {
            let source = Matrix(rows: 1, channels: 29, element: RT_ELEMENT_F32) { _, channel in
                channel < shift || channel - shift >= inputs.count ? 1 : inputs[channel - shift]
            }
            let target = Matrix(rows: 1, channels: 29, element: RT_ELEMENT_F32)
            activate(set, activation, source, into: target)
            let results = (0..<inputs.count).map { target[0, shift + $0] }
            #expect(results[0].isNaN && results[1].isNaN)
            #expect(!results[2].isFinite)
            #expect(results[3] == 1e30 && results[5] == 3e38)
            let expectedLow: Float = activation == RT_ACTIVATION_NONE ? -1e30 : 0
            #expect(results[4] == expectedLow)
            #expect(results[7] == 0)
        }
    }

    @Test("types, strides, in place", arguments: KernelSet.available, RowTests.channelCounts)
    func layouts(_ set: KernelSet, channels: Int) {
        for from in RowTests.elements {
            for to in RowTests.elements {
                var random = SplitMix64(seed: 11)
                let source = Matrix(rows: 4, channels: channels, gap: 7, element: from) { _, _ in
                    3 * random.normal()
                }
                let target = Matrix(rows: 4, channels: channels, gap: 1, element: to)
                activate(set, RT_ACTIVATION_GELU, source, into: target)
                let exact = source.values.map { expected(Double($0), RT_ACTIVATION_GELU) }
                let deviation = Deviation(target.values, from: exact)
                // Half a unit in the last place of bf16 for values up to 16.
                #expect(deviation.greatest <= (to == RT_ELEMENT_F32 ? 1e-6 : 0x1p-5))
                #expect(deviation.relative <= (to == RT_ELEMENT_F32 ? 1e-6 : 0x1p-8))
                #expect(target.hasCleanGaps)
                if from == to {
                    activate(set, RT_ACTIVATION_GELU, source, into: source)
                    #expect(source.values == target.values)
                    #expect(source.hasCleanGaps)
                }
            }
        }
    }

    @Test("GEGLU: first half times gelu of the second", arguments: KernelSet.available)
    func geglu(_ set: KernelSet) {
        for channels in RowTests.channelCounts {
            for from in RowTests.elements {
                for to in RowTests.elements {
                    var random = SplitMix64(seed: 12)
                    let source = Matrix(rows: 3, channels: 2 * channels, gap: 3, element: from) {
                        _, _ in 2 * random.normal()
                    }
                    let target = Matrix(rows: 3, channels: channels, gap: 2, element: to)
                    var arguments = rt_geglu(
                        source: source.source, target: target.target, channels: Int64(channels))
                    set.kernels.geglu(&arguments, 0, 1)
                    set.kernels.geglu(&arguments, 1, 3)
                    let exact = (0..<3).flatMap { row in
                        (0..<channels).map { channel in
                            Double(source[row, channel])
                                * expected(
                                    Double(source[row, channels + channel]), RT_ACTIVATION_GELU)
                        }
                    }
                    let deviation = Deviation(target.values, from: exact)
                    #expect(deviation.relative <= (to == RT_ELEMENT_F32 ? 1e-6 : 0x1p-8))
                    #expect(target.hasCleanGaps)
                }
            }
        }
    }
}
