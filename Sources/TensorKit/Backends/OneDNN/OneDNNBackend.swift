// SPDX-License-Identifier: Apache-2.0

/// Products by oneDNN, in f32 or in bf16 with f32 sums: the fast backend.
package struct OneDNNBackend: ComputeBackend {
    package let kind = BackendKind.onednn
    package let precision: Precision
    package let kernelClass: String
    private let library: OneDNNLibrary

    package init(precision: Precision, library: OneDNNLibrary, cpu: CPUInfo) {
        self.precision = precision
        self.library = library
        kernelClass =
            "onednn-\(OneDNNLibrary.version)/\(precision.rawValue)/"
            + "\(OneDNNLibrary.instructionSet)/\(cpu.signature)"
    }

    package var activationType: ElementType { precision == .bfloat16 ? .bfloat16 : .float32 }

    package func pack(_ parameters: LinearParameters) throws -> any PackedLinear {
        let geometry = ConvolutionGeometry(
            inputChannels: parameters.inputChannels, outputChannels: parameters.outputChannels,
            kernelSize: 1)
        return OneDNNLinear(
            layer: try OneDNNLayer(
                geometry: geometry, weight: parameters.weight, bias: parameters.bias,
                inputType: activationType, library: library))
    }

    package func pack(_ parameters: ConvolutionParameters) throws -> any PackedConvolution {
        OneDNNConvolution(
            layer: try OneDNNLayer(
                geometry: parameters.geometry, weight: parameters.weight, bias: parameters.bias,
                inputType: activationType, library: library))
    }
}

/// A fully connected layer: a convolution with a kernel of one pixel over rows of pixels.
final class OneDNNLinear: PackedLinear {
    private let layer: OneDNNLayer

    init(layer: OneDNNLayer) { self.layer = layer }

    var inputChannels: Int { layer.geometry.inputChannels }
    var outputChannels: Int { layer.geometry.outputChannels }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        let rows = input.shape.rowCount
        LayerCheck.input(input, channels: inputChannels, type: layer.inputType)
        LayerCheck.output(output, rows: rows, channels: outputChannels, epilogue: epilogue)
        lane.work.linearFLOPs += 2 * rows * inputChannels * outputChannels
        var epilogue = epilogue
        epilogue.residual = epilogue.residual?.asRows
        layer.apply(input.asRows, into: output.asRows, epilogue: epilogue, lane: lane)
    }
}

/// A convolution of 1 or 3 pixels square.
final class OneDNNConvolution: PackedConvolution {
    private let layer: OneDNNLayer

    init(layer: OneDNNLayer) { self.layer = layer }

    var geometry: ConvolutionGeometry { layer.geometry }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        LayerCheck.convolution(geometry, input, output, epilogue, type: layer.inputType)
        lane.work.convolutionFLOPs += geometry.operationCount(output: output.shape)
        layer.apply(input, into: output, epilogue: epilogue, lane: lane)
    }
}

extension Tensor {
    /// The `[rows, channels]` matrix that the tensor is, as one picture a pixel wide.
    fileprivate var asRows: Tensor {
        Tensor(
            storage: storage, byteOffset: byteOffset,
            shape: TensorShape(tokens: shape.rowCount, channels: shape.channels),
            elementType: elementType, rowStride: rowStride)
    }
}
