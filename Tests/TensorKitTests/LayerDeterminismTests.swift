// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// The same bits, regardless of concurrency and repetition; nearly the same with other teams.
@Suite struct LayerDeterminismTests {
    private static let cases: [LayerCase] = [
        .linear(rows: 77, 64, 320),
        .linear(rows: 1024, 96, 96).with { $0.activation = .gelu },
        .convolution(32, 64, size: 3, height: 16, width: 17).with { $0.residual = .inPlace },
        .convolution(64, 32, size: 3, stride: 2, height: 16, width: 16).with { $0.outputGap = 32 },
        .convolution(96, 32, size: 1, height: 32, width: 32).with { $0.residual = .other },
    ]

    @Test(arguments: BackendUnderTest.available, LayerDeterminismTests.cases)
    func teamsAgree(_ backend: BackendUnderTest, _ layerCase: LayerCase) throws {
        var bySize: [[Float]] = []
        for threadCount in 1...3 {
            let layer = try PreparedLayer(layerCase, on: backend.make())
            let lane = ComputeLane.forTests(threadCount: threadCount)
            try lane.dryRunThenRun { layer.apply(on: lane) }
            let first = layer.output.values
            for _ in 0..<5 {
                layer.apply(on: lane)
                #expect(layer.output.values == first)
            }
            bySize.append(first)
        }
        ThreadTeam(threadCount: 1).adopt()
        let tolerance = backend.tolerance(output: .float32)
        for other in bySize.dropFirst() {
            #expect(relativeError(other, bySize[0].map(Double.init)) <= tolerance)
        }
    }

    @Test(arguments: BackendUnderTest.available, LayerDeterminismTests.cases)
    func concurrentLanesGiveTheSameBitsAsOneAlone(
        _ backend: BackendUnderTest, _ layerCase: LayerCase
    ) throws {
        let made = try backend.make()
        // Three lanes, three inputs, one set of weights (the seed makes them equal in all).
        let layers = try (0..<3).map { try PreparedLayer(layerCase, on: made, inputSeed: $0 + 10) }
        let shared = layers[0]
        let alone = ComputeLane.forTests()
        let serial = try layers.map { layer in
            try alone.dryRunThenRun { layer.apply(weightsOf: shared, on: alone) }
            return layer.output.values
        }
        #expect(Set(serial).count == 3)

        let lanes = try ComputeLanes(
            split: LaneSplit(threadCount: 3, halves: 3), kernels: testKernels())
        lanes.run { lane, index in layers[index].apply(weightsOf: shared, on: lane) }
        try lanes.finishDryRuns()
        for _ in 0..<20 {
            lanes.run { lane, index in layers[index].apply(weightsOf: shared, on: lane) }
            for (layer, expected) in zip(layers, serial) {
                #expect(layer.output.values == expected)
            }
        }
    }

    /// What a layer computes must not depend on the shapes it has seen before.
    @Test(arguments: BackendUnderTest.available)
    func earlierShapesHaveNoEffect(_ backend: BackendUnderTest) throws {
        let sizes = [(32, 32), (1, 1), (7, 9), (16, 16), (64, 8)]
        let cases = sizes.map { LayerCase.convolution(64, 64, size: 3, height: $0.0, width: $0.1) }
        let made = try backend.make()
        let lane = ComputeLane.forTests()
        let fresh = try cases.map { layerCase in
            let layer = try PreparedLayer(layerCase, on: made)
            try lane.dryRunThenRun { layer.apply(on: lane) }
            return layer.output.values
        }
        for order in [cases.indices.map { $0 }, cases.indices.reversed()] {
            let shared = try PreparedLayer(cases[2], on: made)
            for index in order {
                let layer = try PreparedLayer(cases[index], on: made)
                try lane.dryRunThenRun { layer.apply(weightsOf: shared, on: lane) }
                #expect(layer.output.values == fresh[index])
            }
        }
    }
}
