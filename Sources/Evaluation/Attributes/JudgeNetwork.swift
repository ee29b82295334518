// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// The judge's layers: `Judge` in scripts/train/judge_net.py.
final class JudgeNetwork: Sendable {
    private enum Layer {
        case convolution(any PackedConvolution, Activation?)
        case groupNorm(ChannelParameters, groupCount: Int, epsilon: Float, Activation?)

        func outputShape(for input: TensorShape) -> TensorShape {
            switch self {
            case .convolution(let convolution, _): convolution.geometry.outputShape(for: input)
            case .groupNorm: input
            }
        }
    }

    /// `[1, height, width, 3]`.
    let inputShape: TensorShape
    /// `[1, 1, 1, n]`, the head's input.
    let featureShape: TensorShape
    private let layers: [Layer]
    private let head: any PackedLinear

    /// Builds all layers; the configuration has been validated, the backend computes in f32.
    init(_ configuration: JudgeConfiguration, loader: WeightLoader) throws {
        precondition(loader.activationType == .float32, "the judge computes in f32")
        inputShape = TensorShape(
            height: configuration.height, width: configuration.width, channels: 3)
        var layers: [Layer] = []
        var shape = inputShape
        var head: (any PackedLinear)?
        for (index, layer) in configuration.layers.enumerated() {
            // An activation is computed in the same pass as the layer before it.
            let next =
                index + 1 < configuration.layers.count ? configuration.layers[index + 1] : nil
            let activation: Activation? = next == .silu ? .silu : nil
            switch layer {
            case .convolution(let name, let channels, let kernel, let stride, let padding):
                let geometry = ConvolutionGeometry(
                    inputChannels: shape.channels, outputChannels: channels, kernelSize: kernel,
                    stride: stride, padding: padding)
                shape = geometry.outputShape(for: shape)
                let convolution = try loader.convolution(
                    name, geometry, usualPixelCount: shape.tokenCount, use: .oncePerPicture)
                layers.append(.convolution(convolution, activation))
            case .groupNorm(let name, let groups, let epsilon):
                let parameters = try loader.norm(name, channels: shape.channels)
                layers.append(
                    .groupNorm(parameters, groupCount: groups, epsilon: epsilon, activation))
            case .silu, .flatten: continue
            case .linear(let name):
                head = try loader.linear(
                    name, inputChannels: shape.elementCount,
                    outputChannels: configuration.outputCount)
            }
        }
        guard let head else { preconditionFailure("a configuration that was not validated") }
        featureShape = TensorShape(tokens: 1, channels: shape.elementCount)
        self.layers = layers
        self.head = head
    }

    /// - Parameters:
    ///   - picture: `[1, height, width, 3]`, f32, −1…1.
    ///   - features: `featureShape`, f32: one row of channels, then rows, then columns, torch's
    ///     order of flattening.
    ///   - logits: `[1, 1, 1, outputs]`, f32.
    func forward(
        _ picture: Tensor, features: Tensor, into logits: Tensor, lane: ComputeLane
    ) {
        lane.workspace.scope {
            var hidden = picture
            for layer in layers {
                let result = lane.workspace.tensor(layer.outputShape(for: hidden.shape), .float32)
                switch layer {
                case .convolution(let convolution, let activation):
                    lane.convolution(
                        convolution, hidden, into: result,
                        epilogue: Epilogue(activation: activation))
                case .groupNorm(let parameters, let groupCount, let epsilon, let activation):
                    lane.groupNorm(
                        parameters, groupCount: groupCount, epsilon: epsilon,
                        activation: activation, hidden, into: result)
                }
                hidden = result
            }
            flatten(hidden, into: features, lane: lane)
            lane.linear(head, features, into: logits)
        }
    }

    private func flatten(_ map: Tensor, into row: Tensor, lane: ComputeLane) {
        guard !lane.isMeasuring else { return }
        let shape = map.shape
        for token in 0..<shape.tokenCount {
            for channel in 0..<shape.channels {
                row.floats[channel * shape.tokenCount + token] =
                    map.floats[token * map.rowStride + channel]
            }
        }
    }
}
