// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import StableDiffusion
import TensorKit
import Testing

/// How often the layers of a large text encoder are packed in a run of many prompts.
@Suite struct PromptEncoderTests {
    /// Per prompt of a run, how often all layers are packed for it.
    private func packings(
        _ prompts: [[String]], callCount: Int, keptWeightCountMax: Int? = 0
    ) throws -> [Double] {
        let model = try ModelDirectory(path: try EmbeddedModel.directory())
        let backend = CountingBackend(try Machine.standard.makeBackend())
        let text = try CLIPTextModel.load(
            from: model, backend: backend, keptWeightCountMax: keptWeightCountMax)
        let encoder = PromptEncoder(tokenizer: try model.tokenizer(), model: text)
        let lanes = try ComputeLanes(
            split: LaneSplit(threadCount: 1), kernels: backend.kernels)
        let lane = lanes.lanes[0]
        try lane.measure { try encoder.measure(promptCount: 2, lane: lane) }
        try lanes.finishDryRuns()
        // Joined queries, keys and values; their output; both layers of the feed-forward part.
        let all = Double(4 * text.configuration.layerCount)
        var before = backend.packedCount
        return try prompts.map { texts in
            _ = try encoder.encode(texts, clipSkip: nil, callCount: callCount, lanes: lanes)
            defer { before = backend.packedCount }
            return Double(backend.packedCount - before) / all
        }
    }

    private static let run = [
        ["", "a red house"], ["", "a boat"], ["", "a tree"], ["", "a tent"],
    ]

    @Test func oncePerRunOfFewSteps() throws {
        #expect(try packings(Self.run, callCount: 1) == [1, 0, 0, 0])
        #expect(try packings(Self.run, callCount: 4) == [1, 0, 0, 0])
    }

    /// A run of one prompt and many steps has the memory for its U-Net.
    @Test func twicePerRunOfManySteps() throws {
        #expect(try packings(Self.run, callCount: 25) == [1, 1, 0, 0])
    }

    @Test func notForKnownPrompts() throws {
        let same = [Self.run[0], Self.run[0], [""], ["a red house"]]
        #expect(try packings(same, callCount: 25) == [1, 0, 0, 0])
    }

    /// Small encoders are packed with the model.
    @Test func neverForSmallEncoders() throws {
        #expect(
            try packings(Self.run, callCount: 1, keptWeightCountMax: nil) == [0, 0, 0, 0])
    }
}
