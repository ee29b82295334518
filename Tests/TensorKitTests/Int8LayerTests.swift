// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TestSupport
import Testing

/// Layers that allow int8 on a backend of that precision.
@Suite(.enabled(if: CPUInfo.detect().int8InstructionSet != nil)) struct Int8LayerTests {
    private static func backend(_ limit: InstructionSet? = nil) throws -> OneDNNBackend {
        try OneDNNBackend(
            precision: .int8, library: OneDNNLibrary(), cpu: CPUInfo.detect().limited(to: limit),
            memoryByteCount: nil)
    }

    private static let shapes: [LayerCase] = [
        .linear(rows: 77, 17, 33), .linear(rows: 501, 64, 130),
        .convolution(48, 72, size: 3, batch: 2, height: 13, width: 11),
        .convolution(32, 48, size: 3, batch: 2, height: 6, width: 9, verticalPadding: 0),
    ]

    private static let cases: [LayerCase] = shapes.flatMap { shape -> [LayerCase] in
        [LayerCase.Residual.none, .other, .inPlace].flatMap { residual -> [LayerCase] in
            [0, 5].map { gap -> LayerCase in
                var layerCase = shape
                layerCase.allowsInt8 = true
                layerCase.residual = residual
                layerCase.activation = .silu
                layerCase.inputGap = gap
                layerCase.outputGap = gap
                return layerCase
            }
        }
    }

    private static func result(
        _ layerCase: LayerCase, _ backend: OneDNNBackend, threadCount: Int = 1
    ) throws -> (values: [Float], expected: [Double]) {
        let layer = try PreparedLayer(layerCase, on: backend, roundsInputs: true)
        let lane = ComputeLane.forTests(threadCount: threadCount)
        try lane.dryRunThenRun { layer.apply(on: lane) }
        #expect(layer.output.gapsAreIntact)
        return (layer.output.values, layer.expected())
    }

    /// Two operands rounded to 1 / 127 of the greatest of a row, seldom worse than 2 %.
    @Test(arguments: Int8LayerTests.cases)
    func areCloseToTheDefinition(_ layerCase: LayerCase) throws {
        let (values, expected) = try Self.result(layerCase, Self.backend())
        let error = relativeL2(values, expected.map(Float.init))
        #expect(error > 1e-4 && error < 0.02, "\(error)")
    }

    @Test(arguments: Int8LayerTests.cases)
    func bitsDoNotDependOnTheTeam(_ layerCase: LayerCase) throws {
        let results = try [1, 3].map {
            try Self.result(layerCase, Self.backend(), threadCount: $0).values
        }
        #expect(zip(results[0], results[1]).allSatisfy { $0.bitPattern == $1.bitPattern })
    }

    /// Layers that do not allow it, or cannot, are computed as without it.
    @Test func othersKeepTheirPrecision() throws {
        let backend = try Self.backend()
        let precision: Precision = backend.activationType == .bfloat16 ? .bfloat16 : .float32
        let other = try OneDNNBackend(
            precision: precision, library: OneDNNLibrary(), cpu: CPUInfo.detect(),
            memoryByteCount: nil)
        var downsampler = LayerCase.convolution(32, 32, size: 3, stride: 2, height: 8, width: 8)
        downsampler.allowsInt8 = true
        for layerCase in [
            .linear(rows: 77, 17, 33), .convolution(48, 72, size: 3, height: 13, width: 11),
            downsampler,
        ] {
            let found = try Self.result(layerCase, backend).values
            let expected = try Self.result(layerCase, other).values
            #expect(zip(found, expected).allSatisfy { $0.bitPattern == $1.bitPattern })
        }
    }

    /// Instruction sets that this processor can be limited to, `nil` for none of them: with and
    /// without bf16 beside int8, and both kinds of its products.
    private static let limits = ([nil, .avx512VNNI, .avx2VNNI] as [InstructionSet?]).filter {
        CPUInfo.detect().limited(to: $0).int8InstructionSet != nil
    }

    /// Where there is no bf16, what is not computed in bytes is computed in f32.
    @Test(arguments: limits)
    func otherProcessorsAreCloseToTheDefinition(_ limit: InstructionSet?) throws {
        for layerCase in Self.cases {
            let (values, expected) = try Self.result(layerCase, Self.backend(limit))
            let error = relativeL2(values, expected.map(Float.init))
            #expect(error > 1e-4 && error < 0.02, "\(layerCase): \(error)")
        }
    }

    /// Whatever changes bits: the kernels of the products, and the format of the rest.
    @Test func precisionIsPartOfTheClass() throws {
        let classes = try Self.limits.map { try Self.backend($0).kernelClass }
        #expect(classes.allSatisfy { $0.contains("/int8-") })
        #expect(Set(classes).count == classes.count, "\(classes)")
    }
}
