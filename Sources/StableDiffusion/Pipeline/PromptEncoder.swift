// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// Turns prompts into hidden states and remembers the last ones: the prompts of a batch repeat,
/// the negative prompt always does.
final class PromptEncoder {
    private let tokenizer: CLIPTokenizer
    private let model: CLIPTextModel
    private var cache: [Key: Entry] = [:]
    private var clock = 0

    /// Prompts remembered; SD 1.5 takes 231 KiB for each.
    private static let cachedCountMax = 64

    private struct Key: Hashable {
        var text: String
        var clipSkip: Int
    }

    private struct Entry {
        var states: Tensor
        var lastUse: Int
    }

    init(tokenizer: CLIPTokenizer, model: CLIPTextModel) {
        self.tokenizer = tokenizer
        self.model = model
    }

    /// Shape of the hidden states of any prompt: `[1, 77, hidden]`.
    var shape: TensorShape {
        model.outputShape(tokenCount: tokenizer.configuration.modelMaxLength)
    }

    /// Takes the scratch memory that `encode` will need.
    func measure(lane: ComputeLane) {
        let tokens = [Int32](repeating: tokenizer.paddingID, count: shape.tokenCount)
        let output = Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        model.forward(tokens: tokens, into: output, lane: lane)
    }

    /// Whether `encode` would have to compute.
    func isCached(_ text: String, clipSkip: Int?) -> Bool {
        cache[Key(text: text, clipSkip: clipSkip ?? 1)] != nil
    }

    /// The hidden states `[1, 77, hidden]`, f32, of a prompt cut to what the model reads.
    ///
    /// - Throws: `TextEncoderError`, `TensorStorageError`.
    func encode(_ text: String, clipSkip: Int?, lane: ComputeLane) throws -> Tensor {
        clock += 1
        let key = Key(text: text, clipSkip: clipSkip ?? 1)
        if let entry = cache[key] {
            cache[key]?.lastUse = clock
            return entry.states
        }
        let tokens = tokenizer.encode(text).ids
        try model.check(tokens: tokens, clipSkip: clipSkip)
        let states = try Tensor(allocating: shape)
        lane.team.adopt()
        model.forward(tokens: tokens, clipSkip: clipSkip, into: states, lane: lane)
        forgetOldest()
        cache[key] = Entry(states: states, lastUse: clock)
        return states
    }

    private func forgetOldest() {
        guard cache.count >= Self.cachedCountMax,
            let oldest = cache.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { return }
        cache[oldest.key] = nil
    }
}
