// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// Both backends against the definition of a layer in double precision.
@Suite struct LayerTests {
    static let shapes: [LayerCase] = [
        .linear(rows: 1, 1, 1), .linear(rows: 1, 320, 320), .linear(rows: 77, 17, 33),
        .linear(rows: 5, 3, 64), .linear(rows: 64, 40, 5), .linear(rows: 77, 768, 96),
        .linear(rows: 501, 32, 48), .linear(rows: 30, 8, 1001), .linear(rows: 1000, 20, 31),
        .convolution(3, 32, size: 3, height: 8, width: 8),
        .convolution(4, 17, size: 3, batch: 2, height: 7, width: 5),
        .convolution(17, 4, size: 3, height: 6, width: 9),
        .convolution(32, 3, size: 3, height: 16, width: 16),
        .convolution(320, 32, size: 3, height: 4, width: 4),
        .convolution(32, 64, size: 3, height: 33, width: 32),
        .convolution(8, 8, size: 3, height: 1, width: 1),
        .convolution(64, 128, size: 3, batch: 2, height: 2, width: 2),
        .convolution(48, 72, size: 3, batch: 2, height: 13, width: 11),
        .convolution(16, 33, size: 3, height: 1, width: 1),
        .convolution(8, 17, size: 3, height: 1, width: 9),
        .convolution(8, 16, size: 3, stride: 2, height: 8, width: 8),
        .convolution(17, 32, size: 3, stride: 2, batch: 2, height: 9, width: 6),
        .convolution(16, 16, size: 3, stride: 2, height: 1, width: 1),
        .convolution(32, 32, size: 1, height: 5, width: 7),
        .convolution(4, 4, size: 1, batch: 3, height: 1, width: 1),
        .convolution(320, 17, size: 1, height: 4, width: 3),
        .convolution(16, 8, size: 1, stride: 2, height: 5, width: 5),
        .convolution(8, 16, size: 3, stride: 2, height: 9, width: 9, padding: 0),
        .convolution(4, 17, size: 3, batch: 2, height: 7, width: 5, verticalPadding: 0),
        .convolution(32, 48, size: 3, batch: 2, height: 6, width: 9, verticalPadding: 0),
        .convolution(32, 3, size: 3, height: 3, width: 16, verticalPadding: 0),
        .convolution(16, 32, size: 1, height: 4, width: 6, verticalPadding: 1),
    ]

    private static let epilogueShapes: [LayerCase] = [
        .linear(rows: 19, 24, 40),
        .convolution(8, 17, size: 3, batch: 2, height: 5, width: 6),
        .convolution(16, 32, size: 1, height: 6, width: 6),
        .convolution(32, 32, size: 3, height: 9, width: 8),
    ]

    /// Activations of sums with a residual, and of products alone where there is none.
    static let sums: [LayerCase] = epilogueShapes.flatMap { shape in
        [Activation.relu, .silu].flatMap { activation in
            [LayerCase.Residual.none, .other, .inPlace].flatMap { residual in
                [(0, 0), (5, 0), (0, 7)].map { inputGap, outputGap in
                    shape.with {
                        $0.activation = activation
                        $0.residual = residual
                        $0.activatesSum = true
                        $0.inputGap = inputGap
                        $0.outputGap = outputGap
                    }
                }
            }
        }
    }

    /// Every epilogue on a few shapes, with and without gaps between rows.
    static let epilogues: [LayerCase] = epilogueShapes.flatMap { shape in
        [nil, Activation.silu, .gelu, .quickGELU].flatMap { activation in
            [LayerCase.Residual.none, .other, .inPlace].flatMap { residual in
                [(false, true), (true, true), (true, false)].flatMap { replacesBias, hasBias in
                    [(0, 0), (5, 0), (0, 7), (8, 16)].map { inputGap, outputGap in
                        shape.with {
                            $0.activation = activation
                            $0.residual = residual
                            $0.replacesBias = replacesBias
                            $0.hasBias = hasBias
                            $0.inputGap = inputGap
                            $0.outputGap = outputGap
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: BackendUnderTest.availableBothWays, LayerTests.shapes)
    func everyShape(_ backend: BackendUnderTest, _ layerCase: LayerCase) throws {
        try check(layerCase, backend)
        try check(
            layerCase.with {
                $0.inputGap = 3; $0.outputGap = 16
            }, backend)
        if backend.precision == .bfloat16 {
            try check(layerCase.with { $0.outputType = .bfloat16 }, backend)
        }
    }

    @Test(arguments: BackendUnderTest.availableBothWays)
    func everyEpilogue(_ backend: BackendUnderTest) throws {
        let cases = Self.epilogues + Self.sums
        for layerCase in cases { try check(layerCase, backend) }
        if backend.precision == .bfloat16 {
            for layerCase in cases {
                try check(layerCase.with { $0.outputType = .bfloat16 }, backend)
            }
        }
    }

    private func check(_ layerCase: LayerCase, _ backend: BackendUnderTest) throws {
        let layer = try PreparedLayer(layerCase, on: backend.make())
        let lane = ComputeLane.forTests()
        try lane.dryRunThenRun { layer.apply(on: lane) }
        let error = relativeError(layer.output.values, layer.expected())
        let tolerance = backend.tolerance(
            output: layer.output.elementType, kernelSize: layerCase.geometry.kernelSize)
        #expect(error <= tolerance, "\(layerCase.testDescription) on \(backend)")
        #expect(layer.output.gapsAreIntact, "\(layerCase.testDescription) on \(backend)")
        #expect(lane.work.totalFLOPs == 2 * expectedFLOPs(layerCase))
    }

    /// Of one of the two passes.
    private func expectedFLOPs(_ layerCase: LayerCase) -> Int {
        let geometry = layerCase.geometry
        let taps = geometry.kernelSize * geometry.kernelSize * geometry.inputChannels
        return 2 * taps * geometry.outputShape(for: layerCase.input).elementCount
    }
}
