// SPDX-License-Identifier: Apache-2.0

import CKernels

extension ComputeLane {
    /// diffusers' `GEGLU` after its projection: `output = input[…, :C] · gelu(input[…, C:])`.
    package func geglu(_ input: Tensor, into output: Tensor) {
        let expected = input.shape.channels / 2
        precondition(
            input.shape.channels % 2 == 0 && input.shape.with(channels: expected) == output.shape,
            "GEGLU of \(input.shape) into \(output.shape)")
        let span = begin(.activation, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_geglu(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(output.shape.channels))
        run(kernels.pointee.geglu, &arguments, unitCount: input.shape.rowCount)
    }

    /// `output = activation(input)`; types may differ, and output may be input.
    package func activate(_ activation: Activation, _ input: Tensor, into output: Tensor) {
        precondition(
            input.shape == output.shape, "\(activation) of \(input.shape) into \(output.shape)")
        let span = begin(.activation, tokenCount: output.shape.tokenCount)
        defer { end(span) }
        if isMeasuring { return }
        var arguments = rt_activate(
            source: input.kernelSource, target: output.kernelTarget,
            channels: Int64(input.shape.channels),
            activation: Optional(activation).kernelActivation)
        run(kernels.pointee.activate, &arguments, unitCount: input.shape.rowCount)
    }
}
