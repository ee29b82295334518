// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// Encodes prompts as hidden states and caches the last ones: the prompts of a batch repeat, the
/// negative prompt always does.
///
/// `@unchecked Sendable`: everything that changes is used under the lock, and tensors in the cache
/// are not written any more.
package final class PromptEncoder: @unchecked Sendable {
    private let tokenizer: CLIPTokenizer
    private let model: CLIPTextModel
    /// Pictures at the same time encode one after the other: the second finds the negative prompt
    /// in the cache and layers packed.
    private let lock = ThreadLock()
    private var cache: [Key: Entry] = [:]
    private var clock = 0
    /// How often prompts were encoded that were not remembered.
    private var encodingCount = 0

    /// Prompts cached; SD 1.5 takes 231 KiB for each.
    private static let cachedCountMax = 64

    private struct Key: Hashable {
        var text: String
        var clipSkip: Int
    }

    private struct Entry {
        var states: Tensor
        var lastUse: Int
    }

    /// - Parameter model: whose layers may have to be packed for a prompt.
    package init(tokenizer: CLIPTokenizer, model: CLIPTextModel) {
        self.tokenizer = tokenizer
        self.model = model
    }

    /// Shape of the hidden states of any prompt: `[1, 77, hidden]`.
    var shape: TensorShape {
        model.outputShape(tokenCount: tokenizer.configuration.modelMaxLength)
    }

    /// Reserves the scratch memory that `encode` needs for this many new prompts.
    package func measure(promptCount: Int, lane: ComputeLane) throws {
        let tokens = [Int32](repeating: tokenizer.paddingID, count: shape.tokenCount)
        let output = Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        try lock.whileLocked {
            try model.forward(
                sequences: Array(repeating: tokens, count: promptCount),
                into: Array(repeating: output, count: promptCount), lane: lane)
        }
    }

    /// Whether `encode` would have to compute.
    func isCached(_ text: String, clipSkip: Int?) -> Bool {
        lock.whileLocked { cache[Key(text: text, clipSkip: clipSkip ?? 1)] != nil }
    }

    /// The hidden states `[1, 77, hidden]`, f32, of prompts truncated to what the model reads.
    ///
    /// New prompts are encoded together, so that a layer that must be packed for them is packed
    /// once.
    /// - Parameters:
    ///   - callCount: U-Net calls that the prompts are encoded for.
    ///   - lanes: the first of them computes; the caller holds no cores.
    /// - Throws: `TextEncoderError`, `TensorStorageError`, errors of packing.
    package func encode(
        _ texts: [String], clipSkip: Int?, callCount: Int, lanes: ComputeLanes
    ) throws -> [Tensor] {
        // Cores are taken inside the lock: a thread that waits for it holds none.
        try lock.whileLocked {
            try lanes.onFirstLane {
                try encode(texts, clipSkip: clipSkip, callCount: callCount, lane: $0)
            }
        }
    }

    private func encode(
        _ texts: [String], clipSkip: Int?, callCount: Int, lane: ComputeLane
    ) throws -> [Tensor] {
        clock += 1
        let keys = texts.map { Key(text: $0, clipSkip: clipSkip ?? 1) }
        var states: [Key: Tensor] = [:]
        for key in keys {
            cache[key]?.lastUse = clock
            states[key] = cache[key]?.states
        }
        let new = Set(keys).filter { states[$0] == nil }.sorted { $0.text < $1.text }
        if !new.isEmpty {
            let sequences = try new.map { key in
                let tokens = tokenizer.encode(key.text).ids
                try model.check(tokens: tokens, clipSkip: clipSkip)
                return tokens
            }
            let outputs = try new.map { _ in try Tensor(allocating: shape) }
            lane.team.adopt()
            // Layers packed now reuse the memory of the last image.
            if !model.hasPackedLayers(clipSkip: clipSkip) { lane.workspace.discard() }
            let keepsPacked = PackedTextLayers.stay(
                earlierEncodings: encodingCount, callCount: callCount,
                byteCount: model.packedByteCount, available: AvailableMemory.byteCount())
            try model.forward(
                sequences: sequences, clipSkip: clipSkip, keepsPacked: keepsPacked, into: outputs,
                lane: lane)
            encodingCount += 1
            for (key, output) in zip(new, outputs) {
                forgetOldest()
                cache[key] = Entry(states: output, lastUse: clock)
                states[key] = output
            }
        }
        return keys.compactMap { states[$0] }
    }

    /// Gives back the memory of layers that can be packed again.
    ///
    /// - Returns: whether there were any.
    func releaseLayers() -> Bool { lock.whileLocked { model.releaseLayers() } }

    private func forgetOldest() {
        guard cache.count >= Self.cachedCountMax,
            let oldest = cache.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { return }
        cache[oldest.key] = nil
    }
}
