// SPDX-License-Identifier: Apache-2.0

/// Products by oneDNN, in f32 or in bf16 with f32 sums, and by our own kernels in bytes: the fast
/// backend.
package struct OneDNNBackend: ComputeBackend {
    package let kind = BackendKind.onednn
    package let precision: Precision
    package let kernelClass: String
    package let instructionSet: InstructionSet
    package let activationType: ElementType
    package let int8InstructionSet: Int8InstructionSet?
    private let library: OneDNNLibrary
    /// Whether activation followed by accumulation in one pass is fast on this processor.
    ///
    /// With AVX-512 code for the precision it is; older code adds first or not at all, and the
    /// library falls back to a loop in C++.
    package let accumulatesAfterActivation: Bool

    private let winograd: WinogradChoice

    /// - Parameters:
    ///   - usesWinograd: false for direct convolutions only, for comparison.
    ///   - memoryByteCount: the memory that this process may ever use; `nil` for no limit. Where it
    ///     is short, convolutions whose weights would take much of it are slower.
    /// - Throws: `OneDNNError` if the library has no code for the precision here.
    package init(
        precision: Precision, library: OneDNNLibrary, cpu: CPUInfo, usesWinograd: Bool = true,
        memoryByteCount: Int?
    ) throws(OneDNNError) {
        self.precision = precision
        self.library = library
        instructionSet = cpu.instructionSet
        int8InstructionSet = precision == .int8 ? cpu.int8InstructionSet : nil
        activationType =
            switch precision {
            case .float32: .float32
            case .bfloat16: .bfloat16
            case .int8:
                cpu.hasFastBFloat16 && OneDNNLibrary.supportsBFloat16 ? .bfloat16 : .float32
            }
        winograd = WinogradChoice(
            type: activationType, cpu: cpu, isAllowed: usesWinograd,
            memoryByteCount: memoryByteCount)
        let probe = OneDNNPrimitiveKey(
            geometry: ConvolutionGeometry(inputChannels: 64, outputChannels: 64, kernelSize: 3),
            input: TensorShape(height: 16, width: 16, channels: 64),
            inputType: activationType, outputType: .float32,
            activation: .silu, accumulates: true, threadCount: 1)
        accumulatesAfterActivation = try !OneDNNPlan(probe, library: library).isSlow
        // What is not computed in bytes, and the kernels of what is, change bits too.
        let rest = activationType.name
        let format = int8InstructionSet.map { "int8-\($0)-\(rest)" } ?? precision.rawValue
        kernelClass =
            "onednn-\(OneDNNLibrary.version)/\(format)/"
            + "\(OneDNNLibrary.instructionSet)/\(cpu.signature)"
            + winograd.classSuffix
            + (activationType == .bfloat16 && cpu.attendsOnTiles ? "/attention-amx" : "")
    }

    package func pack(_ parameters: LinearParameters) throws -> any PackedLinear {
        if let int8InstructionSet, parameters.allowsInt8 {
            return try Int8Linear(
                parameters, inputType: activationType, instructionSet: int8InstructionSet)
        }
        let geometry = ConvolutionGeometry(
            inputChannels: parameters.inputChannels, outputChannels: parameters.outputChannels,
            kernelSize: 1)
        return OneDNNLinear(
            layer: try layer(geometry, weight: parameters.weight, bias: parameters.bias))
    }

    package func pack(_ parameters: ConvolutionParameters) throws -> any PackedConvolution {
        if let int8InstructionSet, winograd.paysInInt8(parameters) {
            return try WinogradConvolution(
                parameters, products: .bytes(int8InstructionSet), inputType: activationType)
        }
        if let tile = winograd.tile(parameters) {
            return try WinogradConvolution(
                parameters, products: .inputType(tile, instructionSet), inputType: activationType)
        }
        return OneDNNConvolution(
            layer: try layer(
                parameters.geometry, weight: parameters.weight, bias: parameters.bias))
    }

    package func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        OneDNNLibrary.multiplyTransposed(
            left, leftCount, right, rightCount, depth: depth, into: output,
            outputStride: outputStride)
    }

    private func layer(
        _ geometry: ConvolutionGeometry, weight: UnsafeBufferPointer<Float>,
        bias: UnsafeBufferPointer<Float>?
    ) throws -> OneDNNLayer {
        try OneDNNLayer(
            geometry: geometry, weight: weight, bias: bias, inputType: activationType,
            accumulatesAfterActivation: accumulatesAfterActivation, library: library)
    }
}

extension OneDNNBackend {
    /// The library's implementation for a convolution of dense tensors.
    ///
    /// For example `brgconv:avx512_core`; `ref:any` and `gemm:…` are the slow ones.
    package func implementation(
        of geometry: ConvolutionGeometry, input: TensorShape, outputType: ElementType,
        activation: Activation? = nil, accumulates: Bool = false, activatesSum: Bool = false,
        team: ThreadTeam
    ) throws(OneDNNError) -> String {
        team.adopt()
        let key = OneDNNPrimitiveKey(
            geometry: geometry, input: input, inputType: activationType, outputType: outputType,
            activation: activation, accumulates: accumulates, activatesSum: activatesSum,
            threadCount: team.threadCount)
        return try OneDNNPlan(key, library: library).implementation
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

/// A convolution of 1×1 or 3×3 pixels.
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
    /// The tensor's `[rows, channels]` matrix, as a picture one pixel wide.
    fileprivate var asRows: Tensor {
        Tensor(
            storage: storage, byteOffset: byteOffset,
            shape: TensorShape(tokens: shape.rowCount, channels: shape.channels),
            elementType: elementType, rowStride: rowStride)
    }
}
