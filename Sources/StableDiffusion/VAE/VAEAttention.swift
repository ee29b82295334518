// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The only attention layer of the decoder: diffusers' `Attention` with a single head over all
/// pixels, with group norm and biases.
final class VAEAttention: Sendable {
    private let norm: GroupNorm
    private let attention: SelfAttention
    private let activationType: ElementType

    init(channels: Int, groupCount: Int, loader: WeightLoader) throws {
        activationType = loader.activationType
        norm = try GroupNorm(
            "group_norm", channels: channels, groupCount: groupCount, epsilon: VAEDecoder.epsilon,
            loader: loader)
        attention = try SelfAttention(
            channels: channels, headCount: 1, hasBias: true, loader: loader)
    }

    /// Updates a feature map `[batch, height, width, channels]`, f32, in place.
    func forward(_ hidden: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            let normed = lane.workspace.tensor(hidden.shape, activationType)
            norm.forward(hidden, into: normed, lane: lane)
            attention.forward(normed, into: hidden, residual: hidden, lane: lane)
        }
    }
}
