// SPDX-License-Identifier: Apache-2.0

import Glibc
import TensorKit

/// diffusers' `Timesteps` and `TimestepEmbedding`: a timestep as sines and cosines of many
/// frequencies, then a small MLP.
final class TimestepEmbedding: Sendable {
    private let frequencyCount: Int
    private let flipsSineToCosine: Bool
    private let frequencyShift: Float
    private let activation: Activation
    private let activationType: ElementType
    private let projection1: any PackedLinear
    private let projection2: any PackedLinear
    private let conditionProjection: (any PackedLinear)?

    init(_ configuration: UNetConfiguration, loader: WeightLoader) throws {
        let inputChannels = configuration.blockOutputChannels[0]
        let channels = configuration.timeEmbeddingChannels
        frequencyCount = inputChannels / 2
        flipsSineToCosine = configuration.flipsSineToCosine
        frequencyShift = configuration.frequencyShift
        activation = configuration.activation
        activationType = loader.activationType
        projection1 = try loader.linear(
            "linear_1", inputChannels: inputChannels, outputChannels: channels)
        projection2 = try loader.linear(
            "linear_2", inputChannels: channels, outputChannels: channels)
        conditionProjection = try configuration.timeConditionProjectionDimension.map {
            try loader.linear(
                "cond_proj", inputChannels: $0, outputChannels: inputChannels, hasBias: false)
        }
    }

    /// Width of the result.
    var channels: Int { projection2.outputChannels }

    /// Computes the embedding as used by the residual blocks: after their activation.
    ///
    /// - Parameters:
    ///   - condition: the guidance embedding of a distilled model, `[1, 1, 1, dimension]`, f32.
    ///   - output: `[1, 1, 1, channels]`, the activation type.
    func forward(
        timestep: Float, condition: Tensor?, into output: Tensor, lane: ComputeLane
    ) {
        lane.workspace.scope {
            let inputShape = TensorShape(tokens: 1, channels: projection1.inputChannels)
            let waves = lane.workspace.tensor(inputShape, .float32)
            writeWaves(timestep: timestep, into: waves, lane: lane)
            if let condition, let conditionProjection {
                lane.linear(
                    conditionProjection, lane.converted(condition, to: activationType),
                    into: waves, epilogue: Epilogue(residual: waves))
            }
            let hidden = lane.workspace.tensor(output.shape, activationType)
            lane.linear(
                projection1, lane.converted(waves, to: activationType), into: hidden,
                epilogue: Epilogue(activation: activation))
            lane.linear(
                projection2, hidden, into: output, epilogue: Epilogue(activation: activation))
        }
    }

    /// `get_timestep_embedding`, in f32 and in its order of operations.
    private func writeWaves(timestep: Float, into waves: Tensor, lane: ComputeLane) {
        guard !lane.isMeasuring else { return }
        let values = waves.floats
        let sines = flipsSineToCosine ? frequencyCount : 0
        let cosines = flipsSineToCosine ? 0 : frequencyCount
        let logPeriod = Float(-log(10_000.0))
        for index in 0..<frequencyCount {
            let exponent = logPeriod * Float(index) / (Float(frequencyCount) - frequencyShift)
            let angle = timestep * exp(exponent)
            values[sines + index] = sin(angle)
            values[cosines + index] = cos(angle)
        }
        if waves.shape.channels > 2 * frequencyCount { values[2 * frequencyCount] = 0 }
    }
}

/// The guidance scale in the form distilled models (LCM) use.
///
/// Matches diffusers' `get_guidance_scale_embedding`; `scale` is the guidance scale minus one.
package func guidanceScaleEmbedding(_ scale: Float, dimension: Int) -> [Float] {
    let half = dimension / 2
    var values = [Float](repeating: 0, count: dimension)
    let step = Float(log(10_000.0)) / Float(half - 1)
    for index in 0..<half {
        let angle = scale * 1000 * exp(Float(index) * -step)
        values[index] = sin(angle)
        values[half + index] = cos(angle)
    }
    return values
}
