// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// transformers' `CLIPEncoderLayer`: self-attention and an MLP, each on normalised tokens beside the
/// residual stream.
package final class CLIPEncoderLayer: Sendable {
    private let norm1: LayerNorm
    private let queriesKeysValues: any PackedLinear
    private let attentionOutput: any PackedLinear
    private let norm2: LayerNorm
    private let projection1: any PackedLinear
    private let projection2: any PackedLinear
    private let activation: Activation
    private let activationType: ElementType
    private let headCount: Int
    private let channels: Int
    private let isCausal: Bool

    /// - Parameter isCausal: whether a token attends only to those before it, as in text.
    package init(
        _ configuration: TextEncoderConfiguration, isCausal: Bool = true, loader: WeightLoader
    ) throws {
        self.isCausal = isCausal
        channels = configuration.hiddenSize
        headCount = configuration.attentionHeadCount
        activation = Activation(configurationName: configuration.hiddenActivation) ?? .quickGELU
        activationType = loader.activationType
        let epsilon = configuration.layerNormEpsilon
        norm1 = try LayerNorm("layer_norm1", channels: channels, epsilon: epsilon, loader: loader)
        let attention = loader.scoped("self_attn")
        queriesKeysValues = try attention.linear(
            joining: ["q_proj", "k_proj", "v_proj"], inputChannels: channels,
            outputChannels: channels, hasBias: true)
        attentionOutput = try attention.linear(
            "out_proj", inputChannels: channels, outputChannels: channels)
        norm2 = try LayerNorm("layer_norm2", channels: channels, epsilon: epsilon, loader: loader)
        let width = configuration.intermediateSize
        projection1 = try loader.linear("mlp.fc1", inputChannels: channels, outputChannels: width)
        projection2 = try loader.linear("mlp.fc2", inputChannels: width, outputChannels: channels)
    }

    /// Updates the residual stream `[1, tokens, channels]`, f32, in place.
    package func forward(_ hidden: Tensor, lane: ComputeLane) {
        let workspace = lane.workspace
        workspace.scope {
            let normed = workspace.tensor(hidden.shape, activationType)
            norm1.forward(hidden, into: normed, lane: lane)
            attend(normed, addingTo: hidden, lane: lane)
            norm2.forward(hidden, into: normed, lane: lane)
            let wide = workspace.tensor(
                hidden.shape.with(channels: projection1.outputChannels), activationType)
            lane.linear(
                projection1, normed, into: wide, epilogue: Epilogue(activation: activation))
            lane.linear(projection2, wide, into: hidden, epilogue: Epilogue(residual: hidden))
        }
    }

    private func attend(_ normed: Tensor, addingTo hidden: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let joined = lane.workspace.tensor(
                hidden.shape.with(channels: 3 * channels), activationType)
            lane.linear(queriesKeysValues, normed, into: joined)
            lane.attention(
                queries: joined.channels(0..<channels),
                keys: joined.channels(channels..<2 * channels),
                values: joined.channels(2 * channels..<3 * channels), headCount: headCount,
                scale: attentionScale(channels: channels, headCount: headCount), isCausal: isCausal,
                into: normed)
            lane.linear(
                attentionOutput, normed, into: hidden, epilogue: Epilogue(residual: hidden))
        }
    }
}
