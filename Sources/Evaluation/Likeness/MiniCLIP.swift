// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
import SafeTensors
import StableDiffusion
package import TensorKit

/// The mini-CLIP: the similarity of a picture and a caption, for the embedded model's scenes.
///
/// A picture goes through the judge's convolutions, a caption through the pipeline's text encoder;
/// a few layers map both into one space (scripts/train/clip_net.py). It computes in f32 and belongs
/// to one thread at a time.
package final class MiniCLIP {
    /// The embeddings of renders not used for training.
    package let reference: PictureStatistics
    private let judge: AttributeJudge
    private let tokenizer: CLIPTokenizer
    private let textModel: CLIPTextModel
    private let imageHead: EmbeddingHead
    private let textHead: EmbeddingHead
    private let lanes: ComputeLanes
    private let features: Tensor
    private let states: Tensor
    private let pooled: Tensor
    private let embedding: Tensor

    /// Loads `clip.json` and `clip.safetensors`, the judge, and the text encoder.
    ///
    /// - Parameters:
    ///   - model: the pipeline with whose text encoder it was trained.
    ///   - compute: threads and backend; its precision is ignored.
    /// - Throws: `ConfigurationError`, `CheckpointMismatchError`, `SafeTensorsError`,
    ///   `TokenizerError`, `ComputeConfigurationError`.
    package init(
        directory path: String, judge judgePath: String, model modelPath: String,
        compute: ComputeConfiguration
    ) throws {
        var compute = compute
        compute.precision = .float32
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        let team = ThreadTeam(threadCount: resolved.threadCount)
        let configuration = try ModelDirectory(path: path).configuration(
            MiniCLIPConfiguration.self, component: ".", file: "clip.json")
        let checkpoint = try Checkpoint(directory: path, baseName: "clip")
        reference = try PictureStatistics(
            checkpoint, width: configuration.embeddingWidth, count: configuration.referencePictures)
        judge = try AttributeJudge(directory: judgePath, compute: compute)
        let model = try ModelDirectory(path: modelPath)
        tokenizer = try model.tokenizer()
        textModel = try CLIPTextModel.load(from: model, backend: backend, team: team)
        (imageHead, textHead) = try WeightLoader.build(
            from: ComponentWeights(checkpoint, mapping: Self.layerName), backend: backend,
            team: team
        ) { loader in
            (
                try EmbeddingHead(
                    "image", inputCount: configuration.imageFeatures, configuration,
                    loader: loader),
                try EmbeddingHead(
                    "text", inputCount: configuration.textStates, configuration, loader: loader)
            )
        }
        let tokenCount = tokenizer.configuration.modelMaxLength
        states = try Tensor(allocating: textModel.outputShape(tokenCount: tokenCount))
        try configuration.check(
            imageFeatures: judge.featureCount, textWidth: states.shape.channels, path: path)
        features = try Tensor(
            allocating: TensorShape(tokens: 1, channels: configuration.imageFeatures))
        pooled = try Tensor(allocating: TensorShape(tokens: 1, channels: configuration.textStates))
        embedding = try Tensor(
            allocating: TensorShape(tokens: 1, channels: configuration.embeddingWidth))
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels)
        let lane = lanes.lanes[0]
        let none = [Int32](repeating: tokenizer.paddingID, count: tokenCount)
        try lane.measure {
            try textModel.forward(sequences: [none], into: [states], lane: lane)
            textHead.forward(pooled, into: embedding, lane: lane)
            imageHead.forward(features, into: embedding, lane: lane)
        }
        try lanes.finishDryRuns()
    }

    /// Other contents of the file: the probe, which only training needs, and the statistics.
    private static func layerName(_ key: String) -> String? {
        let isOther =
            key.hasPrefix("probe.") || key.hasPrefix("reference_") || key == "logit_scale"
        return isOther ? nil : key
    }

    /// A picture's embedding, not normalised.
    ///
    /// - Throws: `JudgeSizeError`: pictures are never scaled.
    package func embedding(of image: RGBImage) throws(JudgeSizeError) -> [Float] {
        embedding(ofFeatures: try judge.features(of: image))
    }

    /// A picture's embedding, not normalised, and what the judge sees in it.
    ///
    /// - Throws: `JudgeSizeError`: pictures are never scaled.
    package func examine(
        _ image: RGBImage
    ) throws(JudgeSizeError) -> (embedding: [Float], shown: SceneAttributes) {
        let (seen, logits) = try judge.outputs(for: image)
        return (embedding(ofFeatures: seen), judge.configuration.scene(logits))
    }

    /// What the judge can answer.
    package var judgeConfiguration: JudgeConfiguration { judge.configuration }

    private func embedding(ofFeatures seen: [Float]) -> [Float] {
        for (index, value) in seen.enumerated() { features.floats[index] = value }
        lanes.run { [imageHead, features, embedding] lane, _ in
            imageHead.forward(features, into: embedding, lane: lane)
        }
        return row(embedding)
    }

    /// A caption's embedding, not normalised.
    ///
    /// - Throws: `TextEncoderError` for a tokenizer of another model.
    package func embedding(of caption: String) throws -> [Float] {
        let prompt = tokenizer.encode(caption)
        try textModel.check(tokens: prompt.ids, clipSkip: nil)
        let lane = lanes.lanes[0]
        lane.team.adopt()
        try textModel.forward(sequences: [prompt.ids], into: [states], lane: lane)
        pool(tokenCount: prompt.tokenCount)
        lanes.run { [textHead, pooled, embedding] lane, _ in
            textHead.forward(pooled, into: embedding, lane: lane)
        }
        return row(embedding)
    }

    /// The state at the end of the text, then the mean of all states up to it except the first.
    private func pool(tokenCount: Int) {
        let width = states.shape.channels
        for channel in 0..<width {
            var sum: Float = 0
            for token in 1..<tokenCount {
                sum += states.floats[token * states.rowStride + channel]
            }
            pooled.floats[channel] = states.floats[(tokenCount - 1) * states.rowStride + channel]
            pooled.floats[width + channel] = sum / Float(tokenCount - 1)
        }
    }

    private func row(_ tensor: Tensor) -> [Float] {
        Array(UnsafeBufferPointer(start: tensor.floats, count: tensor.shape.elementCount))
    }

    /// The cosine of two embeddings, −1…1.
    package static func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (product, first, second) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            first += Double(x) * Double(x)
            second += Double(y) * Double(y)
        }
        return product / (first * second).squareRoot()
    }
}

extension MiniCLIPConfiguration {
    /// Checks that it belongs to this judge and this text encoder.
    fileprivate func check(
        imageFeatures: Int, textWidth: Int, path: String
    ) throws(ConfigurationError) {
        for (key, value, found) in [
            ("image_features", self.imageFeatures, imageFeatures),
            ("text_states", textStates, 2 * textWidth),
        ] where value != found {
            throw ConfigurationError(
                path: "\(path)/clip.json",
                problem: .invalid(
                    key: key, value: "\(value)",
                    reason: "the judge or the text encoder beside it gives \(found)"))
        }
    }
}
