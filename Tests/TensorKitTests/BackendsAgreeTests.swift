// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// The backends against each other on sizes of real networks, too large for the slow reference.
@Suite struct BackendsAgreeTests {
    private static let cases: [LayerCase] = [
        .linear(rows: 1024, 320, 320).with { $0.residual = .other },
        .linear(rows: 77, 768, 640),
        .linear(rows: 1, 320, 1280).with { $0.activation = .silu },
        .linear(rows: 256, 320, 2560),
        .linear(rows: 77, 512, 2048).with { $0.activation = .quickGELU },
        .convolution(4, 320, size: 3, height: 64, width: 64),
        .convolution(320, 4, size: 3, height: 64, width: 64),
        .convolution(320, 320, size: 3, height: 32, width: 32).with { $0.replacesBias = true },
        .convolution(960, 320, size: 1, height: 32, width: 24),
        .convolution(320, 320, size: 3, stride: 2, batch: 2, height: 32, width: 32),
        .convolution(640, 640, size: 3, height: 8, width: 8).with { $0.residual = .inPlace },
        .convolution(128, 3, size: 3, height: 96, width: 128),
        .convolution(128, 128, size: 3, height: 96, width: 128).with { $0.outputGap = 128 },
        // With F(4×4), in bf16 the last two alone; sides that no tile divides.
        .convolution(320, 320, size: 3, height: 33, width: 30).with {
            $0.usualPixelCount = 4096
            $0.residual = .inPlace
        },
        .convolution(1920, 640, size: 3, height: 7, width: 9).with {
            $0.usualPixelCount = 1024
            $0.activation = .silu
        },
        .convolution(256, 128, size: 3, height: 30, width: 130, verticalPadding: 0).with {
            $0.usualPixelCount = 1 << 18
            $0.use = .oncePerPicture
        },
        .convolution(512, 512, size: 3, batch: 2, height: 6, width: 5).with {
            $0.usualPixelCount = 1 << 14
            $0.use = .oncePerPicture
            $0.outputGap = 3
        },
    ]

    @Test(arguments: BackendsAgreeTests.cases, [1, 2])
    func onRealSizes(_ layerCase: LayerCase, threadCount: Int) throws {
        let reference = BackendUnderTest(
            kind: .openblas, precision: .float32, usesWinograd: false)
        for backend in BackendUnderTest.availableBothWays {
            let rounds = backend.precision == .bfloat16
            let expected = try output(layerCase, reference, threadCount, roundsInputs: rounds)
            let actual = try output(layerCase, backend, threadCount, roundsInputs: rounds)
            let tolerance = backend.tolerance(
                output: .float32, kernelSize: layerCase.geometry.kernelSize,
                use: layerCase.use)
            let error = relativeError(actual, expected.map(Double.init))
            #expect(error <= tolerance, "\(backend.testDescription)")
        }
    }

    private func output(
        _ layerCase: LayerCase, _ backend: BackendUnderTest, _ threadCount: Int,
        roundsInputs: Bool
    ) throws -> [Float] {
        let layer = try PreparedLayer(layerCase, on: backend.make(), roundsInputs: roundsInputs)
        let lane = ComputeLane.forTests(threadCount: threadCount)
        try lane.dryRunThenRun { layer.apply(on: lane) }
        return layer.output.values
    }

    /// Layers of Stable Diffusion 1.5 at 512², as geometry and side of the picture.
    private static let stableDiffusion: [(ConvolutionGeometry, TensorShape)] = {
        func layer(_ side: Int, _ inputs: Int, _ outputs: Int, size: Int = 3, stride: Int = 1)
            -> (ConvolutionGeometry, TensorShape)
        {
            (
                ConvolutionGeometry(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: size,
                    stride: stride), TensorShape(height: side, width: side, channels: inputs)
            )
        }
        func linear(_ rows: Int, _ inputs: Int, _ outputs: Int)
            -> (ConvolutionGeometry, TensorShape)
        {
            (
                ConvolutionGeometry(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: 1),
                TensorShape(tokens: rows, channels: inputs)
            )
        }
        return [
            layer(64, 4, 320), layer(64, 320, 320), layer(64, 960, 320), layer(64, 640, 320),
            layer(64, 320, 4), layer(64, 320, 320, stride: 2), layer(32, 320, 640),
            layer(32, 640, 640), layer(32, 1920, 640), layer(32, 640, 640, stride: 2),
            layer(16, 1280, 1280), layer(16, 2560, 1280), layer(16, 1280, 1280, stride: 2),
            layer(8, 1280, 1280), layer(8, 2560, 1280), layer(32, 960, 640, size: 1),
            layer(64, 512, 512), layer(64, 4, 64), layer(256, 64, 64), layer(512, 64, 3),
            layer(512, 128, 128), layer(512, 128, 3), layer(256, 512, 256),
            linear(4096, 320, 320), linear(4096, 320, 2560), linear(4096, 1280, 320),
            linear(1024, 640, 640), linear(256, 1280, 10240), linear(64, 5120, 1280),
            linear(77, 768, 320), linear(77, 768, 3072), linear(1, 320, 1280),
        ]
    }()

    /// No size, epilogue or type may fall back to the library's slow code.
    @Test(arguments: BackendUnderTest.available.filter { $0.kind == .onednn }, [1, 2])
    func fastCodeRunsEverySize(_ tested: BackendUnderTest, threadCount: Int) throws {
        let backend = try OneDNNBackend(
            precision: tested.precision, library: OneDNNLibrary(), cpu: .detect(),
            memoryByteCount: nil)
        let team = ThreadTeam(threadCount: threadCount)
        let isNew = OneDNNLibrary.instructionSet.contains("avx512_core_bf16")
        #expect(backend.accumulatesAfterActivation || !isNew)
        for (geometry, input) in Self.stableDiffusion {
            for outputType in Set([ElementType.float32, backend.activationType]) {
                for activation in [nil, Activation.silu, .gelu, .quickGELU, .relu] {
                    let sums = [(false, false), (true, true), (true, false)]
                    for (accumulates, activatesSum) in sums
                    where !accumulates || activation == nil || activatesSum
                        || backend.accumulatesAfterActivation
                    {
                        let implementation = try backend.implementation(
                            of: geometry, input: input, outputType: outputType,
                            activation: activation, accumulates: accumulates,
                            activatesSum: activatesSum, team: team)
                        let slow = ["ref", "gemm"].contains { implementation.hasPrefix($0) }
                        #expect(!slow, "\(geometry) on \(input): \(implementation)")
                        // `brgconv`, or `brg_conv_fwd` in version 3.
                        #expect(
                            implementation.hasPrefix("brg") || !isNew,
                            "\(geometry) on \(input): \(implementation)")
                    }
                }
            }
        }
        ThreadTeam(threadCount: 1).adopt()
    }
}
