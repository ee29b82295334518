// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// What a layer asks the loader for, by the full names of its tensors.
enum WeightRequest: Hashable, Sendable {
    /// Products of the same input as one: their rows of outputs follow each other.
    case linear(
        weights: [String], biases: [String], extraBias: String?, inputChannels: Int,
        outputChannels: Int, allowsInt8: Bool)
    case convolution(
        weight: String, bias: String?, geometry: ConvolutionGeometry, usualPixelCount: Int?,
        use: ConvolutionUse, allowsInt8: Bool)
    case norm(scale: String, shift: String, channels: Int)
}

extension WeightRequest {
    /// Values to read, biases apart.
    var valueCount: Int {
        switch self {
        case .linear(_, _, _, let inputs, let outputs, _): inputs * outputs
        case .convolution(_, _, let geometry, _, _, _):
            geometry.inputChannels * geometry.outputChannels * geometry.kernelSize
                * geometry.kernelSize
        case .norm(_, _, let channels): channels
        }
    }
}

/// What a request is answered with.
enum PackedWeights: Sendable {
    case linear(any PackedLinear)
    case convolution(any PackedConvolution)
    case norm(ChannelParameters)
}

/// The answers to a component's requests, handed out in the order in which they were asked for.
final class PackedWeightQueue {
    private let requests: [WeightRequest]
    private let answers: [PackedWeights]
    private var position = 0

    init(requests: [WeightRequest], answers: [PackedWeights]) {
        self.requests = requests
        self.answers = answers
    }

    /// The answer to the next request, which must be this one.
    func next(_ request: WeightRequest) -> PackedWeights {
        precondition(
            position < requests.count && requests[position] == request,
            "a component that is built differently the second time: \(request)")
        defer { position += 1 }
        return answers[position]
    }
}
