// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
import SafeTensors
import StableDiffusion
package import TensorKit

/// A whole CLIP, OpenAI's or OpenCLIP's in Hugging Face's layout: the similarity of a picture and a
/// text.
///
/// It computes in f32 and belongs to one thread at a time.
package final class CLIPNetwork {
    /// The directory's name and the first digits of its weights' SHA-256.
    package let name: String
    private let configuration: CLIPConfiguration
    private let tokenizer: CLIPTokenizer
    private let text: CLIPTextModel
    private let textProjection: any PackedLinear
    private let vision: CLIPVisionModel
    private let lanes: ComputeLanes
    private let states: Tensor
    private let pixels: Tensor
    private let embedding: Tensor

    /// Loads `config.json`, `model.safetensors` and the tokenizer from one directory.
    ///
    /// - Parameter compute: threads and backend; its precision is ignored.
    /// - Throws: `ConfigurationError`, `CheckpointMismatchError`, `SafeTensorsError`,
    ///   `TokenizerError`, `ComputeConfigurationError`.
    package init(directory path: String, compute: ComputeConfiguration) throws {
        var compute = compute
        compute.precision = .float32
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        let team = ThreadTeam(threadCount: resolved.threadCount)
        let configuration = try ModelDirectory(path: path).configuration(
            CLIPConfiguration.self, component: ".", file: "config.json")
        self.configuration = configuration
        let checkpoint = try Checkpoint(directory: path, baseName: "model")
        let folder = path.split(separator: "/").last.map(String.init) ?? path
        name = "\(folder) \(try StandardWeights.digest(of: checkpoint.files[0]))"
        tokenizer = try CLIPTokenizer(directory: URL(filePath: path))
        text = try CLIPTextModel.load(
            ComponentWeights(checkpoint) { Self.suffix($0, after: "text_model.") },
            configuration: configuration.text, backend: backend, team: team)
        let embeddings = try Self.embeddings(
            checkpoint, configuration.vision, backend: backend)
        (vision, textProjection) = try WeightLoader.build(
            from: ComponentWeights(checkpoint, mapping: Self.otherName), backend: backend,
            team: team
        ) { loader in
            (
                try CLIPVisionModel(
                    configuration.vision, projectionSize: configuration.projectionSize,
                    embeddings: embeddings, loader: loader),
                try loader.linear(
                    "text_projection", inputChannels: configuration.text.hiddenSize,
                    outputChannels: configuration.projectionSize, hasBias: false)
            )
        }
        let side = configuration.vision.imageSize
        states = try Tensor(
            allocating: text.outputShape(tokenCount: configuration.text.positionCountMax))
        pixels = try Tensor(allocating: TensorShape(height: side, width: side, channels: 3))
        embedding = try Tensor(
            allocating: TensorShape(tokens: 1, channels: configuration.projectionSize))
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels)
        let padding = [Int32](
            repeating: tokenizer.paddingID, count: configuration.text.positionCountMax)
        let lane = lanes.lanes[0]
        try lane.measure {
            try text.forward(sequences: [padding], keepsPacked: true, into: [states], lane: lane)
            lane.linear(textProjection, states.rows(0..<1), into: embedding)
            vision.forward(pixels, into: embedding, lane: lane)
        }
        try lanes.finishDryRuns()
    }

    private static func suffix(_ key: String, after prefix: String) -> String? {
        guard key.hasPrefix(prefix), !key.hasSuffix(".position_ids") else { return nil }
        return String(key.dropFirst(prefix.count))
    }

    /// All but the text model, what is read by itself, and what no embedding needs.
    private static func otherName(_ key: String) -> String? {
        let isOther =
            key.hasPrefix("text_model.") || key.hasPrefix("vision_model.embeddings.")
            || key == "logit_scale"
        return isOther ? nil : key
    }

    private static func embeddings(
        _ checkpoint: Checkpoint, _ configuration: CLIPVisionConfiguration,
        backend: any ComputeBackend
    ) throws -> CLIPVisionModel.Embeddings {
        let (channels, side) = (configuration.hiddenSize, configuration.patchSize)
        func values(_ name: String, _ shape: [Int]) throws -> [Float] {
            let key = "vision_model.embeddings.\(name)"
            guard let tensor = checkpoint[key], tensor.shape == shape else {
                throw EvidenceError.damaged(
                    path: checkpoint.directory, reason: "\(key) is missing or not \(shape)")
            }
            return try tensor.floats()
        }
        let weight = try values("patch_embedding.weight", [channels, 3, side, side])
        let patches = try weight.withUnsafeBufferPointer { weight in
            try backend.pack(
                LinearParameters(
                    weight: weight, bias: nil, inputChannels: 3 * side * side,
                    outputChannels: channels))
        }
        return CLIPVisionModel.Embeddings(
            patches: patches, classToken: try values("class_embedding", [channels]),
            positions: try values(
                "position_embedding.weight", [configuration.layers.positionCountMax, channels]))
    }

    /// A picture's embedding, not normalised.
    package func embedding(of picture: RGBImage) -> [Float] {
        let prepared = Self.prepared(picture, side: configuration.vision.imageSize)
        for (index, value) in prepared.enumerated() { pixels.floats[index] = value }
        lanes.run { [vision, pixels, embedding] lane, index in
            guard index == 0 else { return }
            vision.forward(pixels, into: embedding, lane: lane)
        }
        return result
    }

    /// A text's embedding, not normalised; a longer one than the model takes is cut.
    ///
    /// - Throws: `TextEncoderError` for a tokenizer of another model.
    package func embedding(of caption: String) throws -> [Float] {
        let prompt = tokenizer.encode(caption)
        try text.check(tokens: prompt.ids, clipSkip: nil)
        let lane = lanes.lanes[0]
        lane.team.adopt()
        try text.forward(
            sequences: [prompt.ids], keepsPacked: true, into: [states], lane: lane)
        // The state at the end of the text stands for all of it.
        let end = states.rows(prompt.tokenCount - 1..<prompt.tokenCount)
        lanes.run { [textProjection, embedding] lane, index in
            guard index == 0 else { return }
            lane.linear(textProjection, end, into: embedding)
        }
        return result
    }

    private var result: [Float] {
        Array(UnsafeBufferPointer(start: embedding.floats, count: configuration.projectionSize))
    }

    /// CLIP's mean and spread of each colour.
    private static let mean: [Float] = [0.48145466, 0.4578275, 0.40821073]
    private static let deviation: [Float] = [0.26862954, 0.26130258, 0.27577711]

    /// What the network sees: the shorter side scaled to `side` with Pillow's bicubic filter, the
    /// middle cut out, colours normalised; `3 · side · side` values.
    static func prepared(_ picture: RGBImage, side: Int) -> [Float] {
        let shorter = min(picture.width, picture.height)
        let width = side * picture.width / shorter
        let height = side * picture.height / shorter
        let scaled = PictureScaling.bicubic.scaledToBytes(picture, width: width, height: height)
        let (left, top) = ((width - side) / 2, (height - side) / 2)
        var values: [Float] = []
        values.reserveCapacity(3 * side * side)
        for y in top..<top + side {
            for x in left..<left + side {
                for channel in 0..<3 {
                    let byte = scaled.bytes[3 * (y * width + x) + channel]
                    values.append((Float(byte) / 255 - mean[channel]) / deviation[channel])
                }
            }
        }
        return values
    }
}
