// SPDX-License-Identifier: Apache-2.0

// Every operation of a network, as the layers call it. Inputs are tensors, results go `into` a
// tensor that the caller took from the workspace; nothing here allocates.

extension ComputeLane {
    /// `output = activation(input · Wᵀ + bias) + residual`; see `PackedLinear` and `Epilogue`.
    package func linear(
        _ layer: any PackedLinear, _ input: Tensor, into output: Tensor,
        epilogue: Epilogue = Epilogue()
    ) {
        let span = begin(.linear, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        layer.apply(input, into: output, epilogue: epilogue, lane: self)
    }

    /// `output = activation(convolution(input) + bias) + residual`; see `PackedConvolution.apply`.
    package func convolution(
        _ layer: any PackedConvolution, _ input: Tensor, into output: Tensor,
        epilogue: Epilogue = Epilogue()
    ) {
        let span = begin(.convolution, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        layer.apply(input, into: output, epilogue: epilogue, lane: self)
    }
}
