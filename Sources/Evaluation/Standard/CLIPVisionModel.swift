// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import StableDiffusion
import TensorKit

/// transformers' `CLIPVisionModelWithProjection`: a picture to its embedding.
final class CLIPVisionModel: Sendable {
    /// The weights of the first layer and the vectors beside it, which are not products by name.
    struct Embeddings: Sendable {
        /// Patches `[3 · side · side]` to channels.
        var patches: any PackedLinear
        /// `[channels]`.
        var classToken: [Float]
        /// `[1 + patches, channels]`.
        var positions: [Float]
    }

    let configuration: CLIPVisionConfiguration
    private let embeddings: Embeddings
    private let firstNorm: LayerNorm
    private let layers: [CLIPEncoderLayer]
    private let lastNorm: LayerNorm
    private let projection: any PackedLinear

    init(
        _ configuration: CLIPVisionConfiguration, projectionSize: Int, embeddings: Embeddings,
        loader: WeightLoader
    ) throws {
        self.configuration = configuration
        self.embeddings = embeddings
        let model = loader.scoped("vision_model")
        let (channels, epsilon) = (configuration.hiddenSize, configuration.layerNormEpsilon)
        // The name has been misspelt since 2021.
        firstNorm = try LayerNorm(
            "pre_layrnorm", channels: channels, epsilon: epsilon, loader: model)
        let layerConfiguration = configuration.layers
        layers = try (0..<configuration.layerCount).map { index in
            try CLIPEncoderLayer(
                layerConfiguration, isCausal: false, loader: model.scoped("encoder.layers", index))
        }
        lastNorm = try LayerNorm(
            "post_layernorm", channels: channels, epsilon: epsilon, loader: model)
        projection = try loader.linear(
            "visual_projection", inputChannels: channels, outputChannels: projectionSize,
            hasBias: false)
    }

    private var tokenShape: TensorShape {
        TensorShape(
            tokens: configuration.patchCount * configuration.patchCount + 1,
            channels: configuration.hiddenSize)
    }

    /// - Parameters:
    ///   - pixels: `[1, side, side, 3]`, normalised, f32.
    ///   - embedding: `[1, 1, 1, projection]`, f32, not normalised.
    func forward(_ pixels: Tensor, into embedding: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let hidden = lane.workspace.tensor(tokenShape, .float32)
            embed(pixels, into: hidden, lane: lane)
            let normed = lane.workspace.tensor(tokenShape, .float32)
            firstNorm.forward(hidden, into: normed, lane: lane)
            for layer in layers { layer.forward(normed, lane: lane) }
            // The class token stands for the picture.
            let first = normed.rows(0..<1)
            let last = lane.workspace.tensor(first.shape, .float32)
            lastNorm.forward(first, into: last, lane: lane)
            lane.linear(projection, last, into: embedding)
        }
    }

    private func embed(_ pixels: Tensor, into hidden: Tensor, lane: ComputeLane) {
        let (side, count) = (configuration.patchSize, configuration.patchCount)
        lane.workspace.scope {
            let patches = lane.workspace.tensor(
                TensorShape(tokens: count * count, channels: 3 * side * side), .float32)
            if !lane.isMeasuring { cut(pixels, into: patches) }
            lane.linear(embeddings.patches, patches, into: hidden.rows(1..<count * count + 1))
        }
        guard !lane.isMeasuring else { return }
        let channels = configuration.hiddenSize
        for channel in 0..<channels { hidden.floats[channel] = embeddings.classToken[channel] }
        for index in 0..<embeddings.positions.count {
            hidden.floats[index] += embeddings.positions[index]
        }
    }

    /// The pixels of each patch: colour, row, column, as the weights of a convolution have them.
    private func cut(_ pixels: Tensor, into patches: Tensor) {
        let (side, count) = (configuration.patchSize, configuration.patchCount)
        var target = patches.floats
        for row in 0..<count {
            for column in 0..<count {
                for color in 0..<3 {
                    for y in 0..<side {
                        let start = (row * side + y) * configuration.imageSize + column * side
                        for x in 0..<side {
                            target.pointee = pixels.floats[3 * (start + x) + color]
                            target += 1
                        }
                    }
                }
            }
        }
    }
}
