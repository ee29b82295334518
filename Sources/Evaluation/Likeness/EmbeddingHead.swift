// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// The last layers of either tower of the mini-CLIP: linear, SiLU, linear.
final class EmbeddingHead: Sendable {
    private let hidden: any PackedLinear
    private let projection: any PackedLinear
    private let hiddenShape: TensorShape

    /// - Parameter name: `image` or `text`.
    init(
        _ name: String, inputCount: Int, _ configuration: MiniCLIPConfiguration,
        loader: WeightLoader
    ) throws {
        hiddenShape = TensorShape(tokens: 1, channels: configuration.hiddenWidth)
        hidden = try loader.linear(
            "\(name)_hidden", inputChannels: inputCount,
            outputChannels: configuration.hiddenWidth)
        projection = try loader.linear(
            "\(name)_projection", inputChannels: configuration.hiddenWidth,
            outputChannels: configuration.embeddingWidth, hasBias: false)
    }

    /// - Parameters:
    ///   - input: one row, f32.
    ///   - embedding: one row, f32, not normalised.
    func forward(_ input: Tensor, into embedding: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let middle = lane.workspace.tensor(hiddenShape, .float32)
            lane.linear(hidden, input, into: middle, epilogue: Epilogue(activation: .silu))
            lane.linear(projection, middle, into: embedding)
        }
    }
}
