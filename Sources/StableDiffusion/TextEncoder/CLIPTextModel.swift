// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// transformers' `CLIPTextModel`: token ids to the hidden states that a U-Net attends to.
package final class CLIPTextModel: Sendable {
    /// What it was built from.
    package let configuration: TextEncoderConfiguration
    private let tokenEmbedding: Embedding
    private let positionEmbedding: Embedding
    private let layers: CLIPEncoderLayers
    private let finalLayerNorm: LayerNorm

    /// Builds all layers; the configuration has been validated.
    ///
    /// - Parameters:
    ///   - team: the threads that read and pack weights, now or for a prompt.
    ///   - keptWeightCountMax: an encoder with more weights than this is packed anew for each
    ///     prompt.
    init(
        _ configuration: TextEncoderConfiguration, loader: WeightLoader, team: ThreadTeam,
        keptWeightCountMax: Int
    ) throws {
        self.configuration = configuration
        let embeddings = loader.scoped("embeddings")
        tokenEmbedding = try embeddings.embedding(
            "token_embedding", rows: configuration.vocabularySize,
            channels: configuration.hiddenSize)
        positionEmbedding = try embeddings.embedding(
            "position_embedding", rows: configuration.positionCountMax,
            channels: configuration.hiddenSize)
        layers = try CLIPEncoderLayers(
            configuration, loader: loader, team: team, keptWeightCountMax: keptWeightCountMax)
        finalLayerNorm = try LayerNorm(
            "final_layer_norm", channels: configuration.hiddenSize,
            epsilon: configuration.layerNormEpsilon, loader: loader)
    }

    /// Loads the text encoder of a model.
    ///
    /// - Parameters:
    ///   - team: the threads that read and pack weights, now or for a prompt.
    ///   - keptWeightCountMax: an encoder with more weights than this is packed anew for each
    ///     prompt; `nil` for the default.
    /// - Throws: `ConfigurationError`, `SafeTensorsError`, `CheckpointMismatchError`.
    package static func load(
        from model: any ModelSource, backend: any ComputeBackend,
        team: ThreadTeam = ThreadTeam(threadCount: 1), keptWeightCountMax: Int? = nil
    ) throws -> CLIPTextModel {
        try load(
            try model.weights(of: .textEncoder),
            configuration: try model.textEncoderConfiguration(), backend: backend, team: team,
            keptWeightCountMax: keptWeightCountMax)
    }

    /// Loads a text encoder from its weights, named as those of a model are.
    ///
    /// - Throws: `SafeTensorsError`, `CheckpointMismatchError`.
    package static func load(
        _ weights: ComponentWeights, configuration: TextEncoderConfiguration,
        backend: any ComputeBackend, team: ThreadTeam, keptWeightCountMax: Int? = nil
    ) throws -> CLIPTextModel {
        try WeightLoader.build(from: weights, backend: backend, team: team) { loader in
            try CLIPTextModel(
                configuration, loader: loader, team: team,
                keptWeightCountMax: keptWeightCountMax ?? CLIPEncoderLayers.keptWeightCountMax)
        }
    }

    /// Bytes that all its layers take while they are packed.
    var packedByteCount: Int { layers.packedByteCount }

    /// Whether the layers that `forward` needs are in memory.
    func hasPackedLayers(clipSkip: Int? = nil) -> Bool {
        layers.arePacked(first: layerCount(clipSkip: clipSkip))
    }

    /// Gives back the memory of layers that can be packed again.
    ///
    /// - Returns: whether there were any.
    package func releaseLayers() -> Bool { layers.releasePacked() }

    private func layerCount(clipSkip: Int?) -> Int { layers.count - ((clipSkip ?? 1) - 1) }

    /// The shape of the hidden states of a sequence of tokens.
    package func outputShape(tokenCount: Int) -> TensorShape {
        TensorShape(tokens: tokenCount, channels: configuration.hiddenSize)
    }

    /// Checks the requirements of `forward`: known tokens, not too many, a layer left to run.
    package func check(tokens: [Int32], clipSkip: Int?) throws(TextEncoderError) {
        guard (1...configuration.positionCountMax).contains(tokens.count) else {
            throw .sequenceLength(found: tokens.count, maximum: configuration.positionCountMax)
        }
        for token in tokens where token < 0 || Int(token) >= configuration.vocabularySize {
            throw .unknownToken(Int(token), vocabularySize: configuration.vocabularySize)
        }
        guard (1...layers.count).contains(clipSkip ?? 1) else {
            throw .clipSkip(clipSkip ?? 1, layerCount: layers.count)
        }
    }

    /// Encodes sequences of equal length accepted by `check`, each by itself.
    ///
    /// - Parameters:
    ///   - clipSkip: layers left out at the end plus one, as A1111 counts: 1 skips none, 2 is
    ///     diffusers' `clip_skip=1`. The final norm always runs. `nil` is 1.
    ///   - keepsPacked: whether layers that have to be packed stay so for the next prompt.
    ///   - outputs: one per sequence, `[1, tokens, hiddenSize]`, f32.
    ///   - observer: receives each layer's result by name; for tests.
    /// - Throws: errors of reading or packing weights that are not in memory.
    package func forward(
        sequences: [[Int32]], clipSkip: Int? = nil, keepsPacked: Bool = false,
        into outputs: [Tensor], lane: ComputeLane, observer: ActivationObserver? = nil
    ) throws {
        precondition(sequences.count == outputs.count, "an output for every sequence")
        try lane.workspace.scope {
            let hidden = try sequences.map { tokens in
                let hidden = lane.workspace.tensor(
                    outputShape(tokenCount: tokens.count), .float32)
                try embed(tokens, into: hidden, lane: lane)
                observer?("embeddings", hidden)
                return hidden
            }
            try layers.forEach(
                first: layerCount(clipSkip: clipSkip), keepsPacked: keepsPacked, lane: lane
            ) { index, layer in
                for sequence in hidden {
                    layer.forward(sequence, lane: lane)
                    observer?("encoder.layers.\(index)", sequence)
                }
            }
            for (sequence, output) in zip(hidden, outputs) {
                finalLayerNorm.forward(sequence, into: output, lane: lane)
            }
        }
    }

    private func embed(_ tokens: [Int32], into hidden: Tensor, lane: ComputeLane) throws {
        guard !lane.isMeasuring else { return }
        let channels = configuration.hiddenSize
        try withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { position in
            guard let positionValues = position.baseAddress else { return }
            for (index, token) in tokens.enumerated() {
                let row = hidden.floats + index * channels
                try tokenEmbedding.copyRow(Int(token), into: row)
                try positionEmbedding.copyRow(index, into: positionValues)
                for channel in 0..<channels { row[channel] += positionValues[channel] }
            }
        }
    }
}

/// Why a sequence cannot be encoded.
package enum TextEncoderError: Error, Equatable, CustomStringConvertible {
    case sequenceLength(found: Int, maximum: Int)
    case unknownToken(Int, vocabularySize: Int)
    case clipSkip(Int, layerCount: Int)

    package var description: String {
        switch self {
        case .sequenceLength(let found, let maximum):
            "\(found) tokens for a text encoder that takes 1 to \(maximum)"
        case .unknownToken(let token, let size):
            """
            token \(token) for a text encoder with \(size) tokens; tokenizer/ and text_encoder/ \
            are not of the same model
            """
        case .clipSkip(let skip, let count):
            "a clip skip of \(skip): this model's text encoder allows 1 to \(count)"
        }
    }
}
