// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

@Suite struct FeedForwardTests {
    private static let prefix = "down_blocks.0.attentions.0.transformer_blocks.0.ff."
    private static let channels = 16

    /// Tokens in parts give the same result as all at once, in less memory; 601 are split unevenly.
    @Test(arguments: Machine.float32 + Machine.bfloat16)
    func partsGiveWhatTheWholeGives(_ machine: Machine) throws {
        let whole = try result(partByteCount: .max, machine: machine)
        let parts = try result(partByteCount: 1, machine: machine)
        #expect(relativeL2(parts.values, whole.values) < 1e-5)
        #expect(2 * parts.byteCount < whole.byteCount)
    }

    private func result(
        partByteCount: Int, machine: Machine
    ) throws -> (values: [Float], byteCount: Int) {
        let checkpoint = try Checkpoint(
            directory: try modelPath("tiny") + "/unet", baseName: "diffusion_pytorch_model")
        let backend = try machine.makeBackend()
        let layer = try WeightLoader.build(
            from: ComponentWeights(checkpoint) { name in
                name.hasPrefix(Self.prefix) ? String(name.dropFirst(Self.prefix.count)) : nil
            },
            backend: backend, team: ThreadTeam(threadCount: 1)
        ) { loader in
            try FeedForward(
                channels: Self.channels, loader: loader, partByteCount: partByteCount)
        }
        let shape = TensorShape(tokens: 601, channels: Self.channels)
        var random = SplitMix64(seed: 1)
        let tokens = try Tensor.make(shape, random.floats(shape.elementCount))
        let output = try Tensor.make(shape)
        let lane = try machine.makeLane()
        try lane.run { lane in
            lane.workspace.scope {
                let input = lane.workspace.tensor(shape, backend.activationType)
                lane.copy(tokens, into: input)
                layer.forward(input, into: output, residual: tokens, lane: lane)
            }
        }
        return (output.values, lane.workspace.peakByteCount)
    }
}
