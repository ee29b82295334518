// SPDX-License-Identifier: Apache-2.0

import CKernels
import Foundation
import SafeTensors
import TestSupport
import Testing

/// Layers in bytes against `scripts/goldens/int8.py`, which follows the definition in float64.
@Suite("Goldens in int8") struct Int8GoldenTests {
    private let file: SafeTensorsFile

    init() throws {
        file = try GoldenFiles(of: .module).tensors("int8.safetensors")
    }

    private func values(_ name: String) throws -> [Float] {
        try #require(file[name]).floats()
    }

    private static func fill(_ matrix: Matrix, _ values: [Float]) {
        precondition(values.count == matrix.rowCount * matrix.channels, "\(values.count)")
        for (index, value) in values.enumerated() {
            matrix[index / matrix.channels, index % matrix.channels] = value
        }
    }

    @Test(arguments: Int8KernelSet.available)
    func fullyConnectedLayer(_ set: Int8KernelSet) throws {
        var layer = LinearCase((rows: 9, inputs: 85, outputs: 35), RT_ELEMENT_F32)
        Self.fill(layer.input, try values("linear.input"))
        layer.weights = try values("linear.weight")
        layer.bias = try values("linear.bias")
        layer.run(set)
        let expected = try values("linear.output").map(Double.init)
        #expect(Deviation(layer.output.values, from: expected).relative < 1e-6)
    }

    @Test(arguments: Int8KernelSet.available)
    func convolutionRoundedAfterItsTransforms(_ set: Int8KernelSet) throws {
        let (inputs, outputs) = (18, 35)
        var layer = WinogradCase(
            WinogradShape(height: 5, width: 7, inputs: inputs, outputs: outputs),
            RT_WINOGRAD_2X2, RT_ELEMENT_F32)
        Self.fill(layer.input, try values("convolution.input"))
        // PyTorch's [output, input, tap] as the kernels want it, [tap, input, output].
        let weight = try values("convolution.weight")
        layer.weights = (0..<9 * inputs * outputs).map { index in
            let (tap, channels) = index.quotientAndRemainder(dividingBy: inputs * outputs)
            let (input, output) = channels.quotientAndRemainder(dividingBy: outputs)
            return weight[(output * inputs + input) * 9 + tap]
        }
        layer.bias = try values("convolution.bias")
        layer.run(set)
        let expected = try values("convolution.output").map(Double.init)
        #expect(Deviation(layer.output.values, from: expected).relative < 1e-6)
    }
}
