// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// The text encoder against transformers in f32 on the same weights.
@Suite struct TextEncoderParityTests {
    /// Relative L2 of the hidden states in f32; the difference is the order of sums.
    static let bound = 1e-5
    /// The same in bf16: inputs of products have 8 significant bits.
    static let bfloat16Bound = 0.02

    static let models = ["tiny", "tiny2", "postcards"]

    @Test(arguments: models, Machine.float32)
    func float32(_ model: String, _ machine: Machine) throws {
        try check(model, machine, bound: Self.bound)
    }

    @Test(arguments: models, Machine.bfloat16)
    func bfloat16(_ model: String, _ machine: Machine) throws {
        try check(model, machine, bound: Self.bfloat16Bound)
    }

    /// Layers packed for every prompt, one at a time, give the same results.
    @Test(arguments: Machine.float32 + Machine.bfloat16, [1, 3])
    func layersThatAreNotKept(_ machine: Machine, threadCount: Int) throws {
        let goldens = try Goldens("tiny2")
        let tokens = try goldens.tokens("text.tokens")
        let other = Array(tokens.reversed())
        let kept = try load("tiny2", machine)
        let deferred = try load("tiny2", machine, keptWeightCountMax: 0)
        let lane = try machine.makeLane(threadCount: threadCount)
        func states(_ encoder: CLIPTextModel, keepsPacked: Bool = false) throws -> [[Float]] {
            let outputs = try (0..<2).map { _ in
                try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
            }
            try lane.run { lane in
                try encoder.forward(
                    sequences: [tokens, other], keepsPacked: keepsPacked, into: outputs,
                    lane: lane)
            }
            return outputs.map(\.values)
        }
        let expected = try states(kept)
        #expect(expected[0] != expected[1])
        #expect(try states(deferred) == expected)
        #expect(try states(deferred) == expected)
        // Nor does it matter whether they stay packed, or are given back.
        #expect(!deferred.releaseLayers())
        for _ in 0..<2 { #expect(try states(deferred, keepsPacked: true) == expected) }
        #expect(deferred.releaseLayers())
        #expect(!deferred.releaseLayers())
        #expect(try states(deferred) == expected)
    }

    @Test func checksItsInput() throws {
        let encoder = try load("tiny", Machine.standard)
        let count = encoder.configuration.layerCount
        #expect(throws: TextEncoderError.sequenceLength(found: 78, maximum: 77)) {
            try encoder.check(tokens: [Int32](repeating: 0, count: 78), clipSkip: nil)
        }
        #expect(throws: TextEncoderError.sequenceLength(found: 0, maximum: 77)) {
            try encoder.check(tokens: [], clipSkip: nil)
        }
        #expect(throws: TextEncoderError.unknownToken(300, vocabularySize: 300)) {
            try encoder.check(tokens: [1, 300], clipSkip: nil)
        }
        #expect(throws: TextEncoderError.unknownToken(-1, vocabularySize: 300)) {
            try encoder.check(tokens: [-1], clipSkip: nil)
        }
        #expect(throws: TextEncoderError.clipSkip(count + 1, layerCount: count)) {
            try encoder.check(tokens: [1], clipSkip: count + 1)
        }
        try encoder.check(tokens: [0, 299], clipSkip: count)
    }

    private func load(
        _ model: String, _ machine: Machine, keptWeightCountMax: Int? = nil
    ) throws -> CLIPTextModel {
        try CLIPTextModel.load(
            from: try ModelDirectory(path: try modelPath(model)),
            backend: try machine.makeBackend(), team: ThreadTeam(threadCount: 2),
            keptWeightCountMax: keptWeightCountMax)
    }

    private func check(_ model: String, _ machine: Machine, bound: Double) throws {
        let goldens = try Goldens(model)
        let encoder = try load(model, machine)
        let tokens = try goldens.tokens("text.tokens")
        let output = try Tensor.make(encoder.outputShape(tokenCount: tokens.count))
        let lane = try machine.makeLane()
        for (name, clipSkip) in [("output", nil), ("output", 1), ("clip_skip_2", 2)]
            as [(String, Int?)]
        {
            let layers = LayerComparison(try goldens.layers("text.layer."), bound: bound)
            try encoder.check(tokens: tokens, clipSkip: clipSkip)
            try lane.run { lane in
                try encoder.forward(
                    sequences: [tokens], clipSkip: clipSkip, into: [output], lane: lane,
                    observer: layers.check)
            }
            let error = relativeL2(output.values, try goldens.floats("text.\(name)"))
            #expect(error <= bound, "\(name): \(layers.firstDifference ?? "the last norm differs")")
            if clipSkip == nil { #expect(layers.unseen == []) }
        }
    }
}
