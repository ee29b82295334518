// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// `torch.nn.GroupNorm` with its weights, and the activation that usually follows.
struct GroupNorm: Sendable {
    private let parameters: ChannelParameters
    private let groupCount: Int
    private let epsilon: Float

    init(
        _ name: String, channels: Int, groupCount: Int, epsilon: Float, loader: WeightLoader
    ) throws {
        parameters = try loader.norm(name, channels: channels)
        self.groupCount = groupCount
        self.epsilon = epsilon
    }

    func forward(
        _ input: Tensor, activation: Activation? = nil, into output: Tensor, lane: ComputeLane
    ) {
        lane.groupNorm(
            parameters, groupCount: groupCount, epsilon: epsilon, activation: activation, input,
            into: output)
    }

    /// Sums of a map that arrives in bands: initially of nothing, in the caller's scope.
    func sums(_ lane: ComputeLane) -> GroupNormSums { lane.groupNormSums(groupCount: groupCount) }

    /// The norm's scale and shift for a map whose sums are known, in the caller's scope.
    func coefficients(
        _ sums: GroupNormSums, of shape: TensorShape, lane: ComputeLane
    ) -> GroupNormCoefficients {
        lane.groupNormCoefficients(parameters, epsilon: epsilon, sums: sums, of: shape)
    }
}

/// `torch.nn.LayerNorm` with its weights.
package struct LayerNorm: Sendable {
    private let parameters: ChannelParameters
    private let epsilon: Float

    package init(
        _ name: String, channels: Int, epsilon: Float = 1e-5, loader: WeightLoader
    ) throws {
        parameters = try loader.norm(name, channels: channels)
        self.epsilon = epsilon
    }

    package func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        lane.layerNorm(parameters, epsilon: epsilon, input, into: output)
    }
}

extension ComputeLane {
    /// The tensor itself if its type is right, otherwise a converted copy in the workspace, valid
    /// until the caller's scope ends.
    func converted(_ input: Tensor, to elementType: ElementType) -> Tensor {
        guard input.elementType != elementType else { return input }
        let copy = workspace.tensor(input.shape, elementType)
        self.copy(input, into: copy)
        return copy
    }
}
