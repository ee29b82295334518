// SPDX-License-Identifier: Apache-2.0

/// The requirements of every packed layer on its tensors, with any library.
enum LayerCheck {
    /// The input has the layer's channels, stored as the backend requires.
    static func input(_ input: Tensor, channels: Int, type: ElementType) {
        precondition(
            input.shape.channels == channels && input.elementType == type,
            "input \(input.shape) \(input.elementType) to a layer of \(channels) × \(type)")
    }

    /// Output, residual and bias match each other.
    static func output(_ output: Tensor, rows: Int, channels: Int, epilogue: Epilogue) {
        precondition(
            output.shape.rowCount == rows && output.shape.channels == channels,
            "output \(output.shape) for \(rows) rows of \(channels)")
        if let residual = epilogue.residual {
            precondition(
                residual.shape.rowCount == rows && residual.shape.channels == channels,
                "residual \(residual.shape) for \(rows) rows of \(channels)")
            precondition(
                residual.rawPointer != output.rawPointer
                    || (residual.rowStride == output.rowStride
                        && residual.elementType == output.elementType),
                "the residual starts where the output does, but is another view")
        }
        if let bias = epilogue.bias {
            precondition(
                bias.shape.elementCount == channels && bias.elementType == .float32,
                "bias \(bias.shape) \(bias.elementType) for \(channels) channels")
        }
    }

    /// All checks, for a convolution.
    static func convolution(
        _ geometry: ConvolutionGeometry, _ input: Tensor, _ output: Tensor, _ epilogue: Epilogue,
        type: ElementType
    ) {
        self.input(input, channels: geometry.inputChannels, type: type)
        let expected = geometry.outputShape(for: input.shape)
        precondition(
            expected == output.shape, "output \(output.shape) of a convolution to \(expected)")
        self.output(
            output, rows: expected.rowCount, channels: geometry.outputChannels, epilogue: epilogue)
    }
}

extension ConvolutionGeometry {
    /// Floating point operations for an output grid; a multiply-add counts as two.
    package func operationCount(output: TensorShape) -> Int {
        2 * output.rowCount * outputChannels * inputChannels * kernelSize * kernelSize
    }
}
