// SPDX-License-Identifier: Apache-2.0

// Every operation of a network, as the layers call it. Tensors are given, results go `into` a
// tensor that the caller took from the workspace; nothing here allocates.

extension ComputeLane {
    /// `output = activation(input · Wᵀ + bias) + residual`; see `PackedLinear.apply`.
    package func linear(
        _ layer: any PackedLinear, _ input: Tensor, into output: Tensor,
        epilogue: Epilogue = Epilogue()
    ) {
        layer.apply(input, into: output, epilogue: epilogue, lane: self)
    }

    /// `output = activation(convolution(input) + bias) + residual`; see `PackedConvolution.apply`.
    package func convolution(
        _ layer: any PackedConvolution, _ input: Tensor, into output: Tensor,
        epilogue: Epilogue = Epilogue()
    ) {
        layer.apply(input, into: output, epilogue: epilogue, lane: self)
    }

    /// Group norm over height, width and the channels of each group, then an optional activation.
    /// Matches `torch.nn.GroupNorm` (biased variance); statistics in f32 or better.
    package func groupNorm(
        _ norm: ChannelParameters, groupCount: Int, epsilon: Float, activation: Activation? = nil,
        _ input: Tensor, into output: Tensor
    ) { preconditionFailure("being written") }

    /// Layer norm over the channels of each row. Matches `torch.nn.LayerNorm`.
    package func layerNorm(
        _ norm: ChannelParameters, epsilon: Float, _ input: Tensor, into output: Tensor
    ) { preconditionFailure("being written") }

    /// Scaled dot-product attention, heads side by side in the channels.
    ///
    /// `output[b, i, h] = Σ_j softmax_j(scale · q[b, i, h] · k[b, j, h]) v[b, j, h]`, computed in
    /// blocks with an online softmax: the matrix of scores never exists.
    /// - Parameters:
    ///   - queries: `[batch, M, heads · headDimension]`, the activation type; views of a wider
    ///     tensor are fine.
    ///   - keys: `[batch, N, heads · headDimension]`, likewise.
    ///   - values: `[batch, N, heads · headDimension]`, likewise.
    ///   - isCausal: query i sees keys 0…i only.
    ///   - output: like `queries`.
    package func attention(
        queries: Tensor, keys: Tensor, values: Tensor, headCount: Int, scale: Float,
        isCausal: Bool = false, into output: Tensor
    ) { preconditionFailure("being written") }

    /// diffusers' `GEGLU` after its projection: `output = input[…, :C] · gelu(input[…, C:])`.
    package func geglu(_ input: Tensor, into output: Tensor) { preconditionFailure("being written") }

    /// `output = activation(input)`; types may differ, and output may be input.
    package func activate(_ activation: Activation, _ input: Tensor, into output: Tensor) {
        preconditionFailure("being written")
    }

    /// `output += input`, both f32.
    package func add(_ input: Tensor, into output: Tensor) { preconditionFailure("being written") }

    /// Copies rows, converting the element type where the two differ.
    package func copy(_ input: Tensor, into output: Tensor) { preconditionFailure("being written") }

    /// Nearest-neighbour resize to the output's grid, as `torch.nn.functional.interpolate`:
    /// source index = ⌊target index · source size / target size⌋. Converts the element type.
    package func resizeNearest(_ input: Tensor, into output: Tensor) {
        preconditionFailure("being written")
    }
}
