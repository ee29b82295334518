// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing
import TokenMerging

/// If merged tokens are equal, merging with proportional attention changes nothing: each key that
/// represents m tokens counts as m.
///
/// The network is a whole U-Net whose 3×3 kernels use only their centre. Latents that are constant
/// in cells then give feature maps that are constant in cells at every level, so every group of
/// merged tokens consists of equal ones, in every block.
@Suite struct EqualTokensTests {
    /// Cells of 16 × 16 latents, at the deepest level still of 2 × 2 tokens.
    ///
    /// The last column and row are missing, so that group sizes differ.
    private static let side = 31

    static let machines = [BackendKind.openblas, .onednn].map {
        Machine(
            backend: $0, precision: .float32, instructionSet: Machine.standard.instructionSet)
    }

    static let configurations = [
        configuration("retom", .queriesKeysValues), configuration("retom", .keysValues),
        configuration("retom", .queriesKeysValues) {
            $0.window = .fixed(4)
            $0.maximumDownsample = 4
        },
        configuration("retom", .keysValues) { $0.sharing = .perSample },
        configuration("tome", .queriesKeysValues) {
            $0.mergesCrossAttention = true
            $0.mergesFeedForward = true
        },
        configuration("tome", .keysValues), configuration("atc", .queriesKeysValues),
        configuration("atc", .keysValues), configuration("todo", .keysValues),
        configuration("importance", .queriesKeysValues),
    ]

    private static func configuration(
        _ method: String, _ scope: TokenMergeScope,
        _ change: (inout TokenMergeConfiguration) -> Void = { _ in }
    ) -> TokenMergeConfiguration {
        var configuration = TokenMergeConfiguration(method: method)
        configuration.scope = scope
        configuration.maximumDownsample = 8
        configuration.window = .fixed(2)
        configuration.shiftsWindows = false
        configuration.ratio = 0.75
        change(&configuration)
        return configuration
    }

    /// With the counts, merging equals the unmerged network up to rounding; without, it is far from
    /// it.
    ///
    /// This network amplifies rounding: unmerged, the two libraries are 2e-5 apart.
    @Test(arguments: machines, configurations)
    func proportionalAttentionIsExact(
        _ machine: Machine, _ configuration: TokenMergeConfiguration
    ) throws {
        let folder = try TemporaryDirectory()
        let network = try pixelwise(in: folder, machine)
        let whole = try network.run(nil, calls: 1).output
        var configuration = configuration
        let plain = relativeL2(try network.run(configuration, calls: 1).output, whole)
        configuration.usesProportionalAttention = true
        let merged = try network.run(configuration, calls: 1)
        #expect(merged.statistics.tokenCountAfter < merged.statistics.tokenCountBefore)
        let error = relativeL2(merged.output, whole)
        #expect(error < 3e-4 && error < plain / 10, "relative L2 \(error), plain \(plain)")
    }

    /// The tiny network with centred kernels, on latents that are constant in four cells.
    private func pixelwise(in folder: TemporaryDirectory, _ machine: Machine) throws -> MergedUNet {
        _ = try folder.copy("\(try modelPath("tiny"))/unet", as: "unet")
        let path = folder.file("unet/diffusion_pytorch_model.safetensors")
        let file = try SafeTensorsFile(path: path)
        var writer = SafeTensorsWriter()
        for name in file.names {
            let tensor = try file.tensor(name)
            var values = try tensor.floats()
            if tensor.shape.count == 4, tensor.shape[2] == 3 {
                for index in values.indices where index % 9 != 4 { values[index] = 0 }
            }
            writer.add(name, shape: tensor.shape, values: values)
        }
        try writer.write(to: path)
        return try MergedUNet(
            path: folder.path, backend: try machine.makeBackend(), threadCount: 2, side: Self.side
        ) { y, x, channel in
            Float(((y / 16 * 2 + x / 16) * 29 + channel * 17) % 13) / 6 - 1
        }
    }
}
