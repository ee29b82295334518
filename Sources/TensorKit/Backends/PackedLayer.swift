// SPDX-License-Identifier: Apache-2.0

/// A fully connected layer whose weights are packed for one backend.
package protocol PackedLinear: AnyObject, Sendable {
    var inputChannels: Int { get }
    var outputChannels: Int { get }

    /// Computes `output = activation(input · Wᵀ + bias) + residual`; see `Epilogue`.
    ///
    /// - Parameters:
    ///   - input: `[rows, inputChannels]` of the backend's activation type; any row stride.
    ///   - output: `[rows, outputChannels]`, f32 or the activation type; any row stride.
    /// In a dry run it counts its work, takes the scratch memory it will need and prepares for the
    /// shape.
    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane)
}

/// A convolution whose weights are packed for one backend.
package protocol PackedConvolution: AnyObject, Sendable {
    var geometry: ConvolutionGeometry { get }

    /// Computes `output = activation(convolution(input) + bias) + residual`; see `Epilogue`.
    ///
    /// - Parameters:
    ///   - input: `[batch, height, width, inputChannels]` of the activation type; any row stride.
    ///   - output: `[batch, height', width', outputChannels]`, f32 or the activation type; any row
    ///     stride.
    /// In a dry run it counts its work, takes the scratch memory it will need and prepares for the
    /// shape.
    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane)
}

/// The operations that follow a product in the same pass over its output.
///
/// `activation(product + bias) + residual`, or `activation(product + bias + residual)` if
/// `activatesSum` says so.
package struct Epilogue {
    /// Applied to the biased product, or to its sum with the residual.
    package var activation: Activation?
    /// A tensor of the output's shape to be added; it may be the output itself (accumulation).
    package var residual: Tensor?
    /// Whether the activation follows the residual.
    package var activatesSum: Bool
    /// Replaces the layer's own bias for this call.
    ///
    /// `[1, 1, 1, outputChannels]`, f32, contiguous; for sums known only at run time, such as a
    /// convolution's bias plus the time embedding.
    package var bias: Tensor?

    package init(
        activation: Activation? = nil, residual: Tensor? = nil, activatesSum: Bool = false,
        bias: Tensor? = nil
    ) {
        self.activation = activation
        self.residual = residual
        self.activatesSum = activatesSum
        self.bias = bias
    }

    /// The activation of the biased product, if any.
    var productActivation: Activation? { sumActivation == nil ? activation : nil }

    /// The activation of the sum with a residual, if any.
    var sumActivation: Activation? { activatesSum && residual != nil ? activation : nil }
}

/// Pointwise non-linearities.
package enum Activation: Sendable, Hashable {
    /// x · σ(x)
    case silu
    /// x · Φ(x), with the exact error function as torch's default
    case gelu
    /// x · σ(1.702 x), CLIP's approximation
    case quickGELU
    /// max(x, 0)
    case relu
}
