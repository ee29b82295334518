// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TestSupport
import Testing

/// One layer, one input, one epilogue: everything a backend must get right at once.
struct LayerCase: Sendable, CustomTestStringConvertible {
    enum Kind: Sendable { case linear, convolution }
    enum Residual: Sendable { case none, other, inPlace }

    var kind: Kind
    var geometry: ConvolutionGeometry
    var input: TensorShape
    var inputGap = 0
    var outputGap = 0
    var activation: Activation?
    var residual = Residual.none
    var activatesSum = false
    var hasBias = true
    var replacesBias = false
    var outputType: ElementType?
    var allowsInt8 = false
    /// Of a convolution: what its algorithm is chosen for.
    var usualPixelCount: Int?
    var use = ConvolutionUse.everyStep

    static func linear(rows: Int, _ inputs: Int, _ outputs: Int) -> LayerCase {
        LayerCase(
            kind: .linear,
            geometry: ConvolutionGeometry(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 1),
            input: TensorShape(tokens: rows, channels: inputs))
    }

    static func convolution(
        _ inputs: Int, _ outputs: Int, size: Int, stride: Int = 1, batch: Int = 1, height: Int,
        width: Int, padding: Int? = nil, verticalPadding: Int? = nil
    ) -> LayerCase {
        LayerCase(
            kind: .convolution,
            geometry: ConvolutionGeometry(
                inputChannels: inputs, outputChannels: outputs, kernelSize: size, stride: stride,
                padding: padding, verticalPadding: verticalPadding),
            input: TensorShape(batch: batch, height: height, width: width, channels: inputs))
    }

    var testDescription: String {
        let name = kind == .linear ? "linear" : "conv\(geometry.kernelSize)/\(geometry.stride)"
        var parts = [
            "\(name) \(geometry.inputChannels)→\(geometry.outputChannels) on "
                + "\(input.batch)×\(input.height)×\(input.width)"
        ]
        if geometry.verticalPadding != geometry.padding {
            parts.append("padding \(geometry.verticalPadding)×\(geometry.padding)")
        }
        if inputGap + outputGap > 0 { parts.append("gaps \(inputGap)/\(outputGap)") }
        if let activation { parts.append("\(activation)") }
        if residual != .none { parts.append("residual \(residual)") }
        if activatesSum { parts.append("activation last") }
        if !hasBias { parts.append("no bias") }
        if replacesBias { parts.append("bias replaced") }
        if let outputType { parts.append("to \(outputType)") }
        if let usualPixelCount { parts.append("for \(usualPixelCount) pixels \(use)") }
        return parts.joined(separator: ", ")
    }

    func with(_ change: (inout LayerCase) -> Void) -> LayerCase {
        var copy = self
        change(&copy)
        return copy
    }
}

/// The tensors and the packed layer of a case on a backend.
struct PreparedLayer {
    let layerCase: LayerCase
    let input: Tensor
    let output: Tensor
    let epilogue: Epilogue
    let linear: (any PackedLinear)?
    private let convolution: (any PackedConvolution)?
    private let operands: Operands

    init(
        _ layerCase: LayerCase, on backend: any ComputeBackend, inputSeed: Int = 1,
        roundsInputs: Bool = false
    ) throws {
        self.layerCase = layerCase
        let geometry = layerCase.geometry
        let outputShape = geometry.outputShape(for: layerCase.input)
        let seesBFloat16 = roundsInputs || backend.precision == .bfloat16
        func seen(_ values: [Float]) -> [Float] {
            seesBFloat16 ? values.map(roundedToBFloat16) : values
        }
        var generator = SplitMix64(seed: 1)
        let taps = geometry.kernelSize * geometry.kernelSize * geometry.inputChannels
        let weight = seen(generator.floats(taps * geometry.outputChannels))
        let bias = generator.floats(geometry.outputChannels)
        let otherBias = generator.floats(geometry.outputChannels)
        generator = SplitMix64(seed: UInt64(1000 + inputSeed))
        let inputValues = seen(generator.floats(layerCase.input.elementCount))
        let outputType = layerCase.outputType ?? .float32
        var addend = generator.floats(outputShape.elementCount)
        if outputType == .bfloat16 { addend = addend.map(roundedToBFloat16) }

        input = try .make(
            layerCase.input, backend.activationType, gap: layerCase.inputGap, values: inputValues)
        let isInPlace = layerCase.residual == .inPlace
        output = try .make(
            outputShape, outputType, gap: layerCase.outputGap, values: isInPlace ? addend : nil)
        var epilogue = Epilogue(
            activation: layerCase.activation, activatesSum: layerCase.activatesSum)
        if isInPlace { epilogue.residual = output }
        if layerCase.residual == .other {
            epilogue.residual = try .make(
                outputShape, outputType, gap: layerCase.inputGap, values: addend)
        }
        if layerCase.replacesBias {
            epilogue.bias = try .make(
                TensorShape(tokens: 1, channels: geometry.outputChannels), values: otherBias)
        }
        self.epilogue = epilogue

        (linear, convolution) = try Self.pack(layerCase, weight, bias, on: backend)
        let zeros = [Float](repeating: 0, count: geometry.outputChannels)
        let usedBias = layerCase.replacesBias ? otherBias : layerCase.hasBias ? bias : zeros
        operands = Operands(input: inputValues, weight: weight, bias: usedBias, addend: addend)
    }

    private struct Operands {
        let input: [Float]
        let weight: [Float]
        let bias: [Float]
        let addend: [Float]
    }

    /// The result in double precision, from the inputs as the backend sees them.
    func expected() -> [Double] {
        let geometry = layerCase.geometry
        let product =
            layerCase.kind == .linear
            ? LayerReference.linear(
                operands.input, weight: operands.weight, bias: operands.bias,
                inputs: geometry.inputChannels, outputs: geometry.outputChannels)
            : LayerReference.convolution(
                operands.input, shape: layerCase.input, weight: operands.weight,
                bias: operands.bias, geometry: geometry)
        return zip(product, operands.addend).map { product, addend in
            func activated(_ value: Double) -> Double {
                LayerReference.activation(layerCase.activation, value)
            }
            guard layerCase.residual != .none else { return activated(product) }
            return layerCase.activatesSum
                ? activated(product + Double(addend)) : activated(product) + Double(addend)
        }
    }

    private static func pack(
        _ layerCase: LayerCase, _ weight: [Float], _ bias: [Float],
        on backend: any ComputeBackend
    ) throws -> ((any PackedLinear)?, (any PackedConvolution)?) {
        let geometry = layerCase.geometry
        return try weight.withUnsafeBufferPointer { weight in
            try bias.withUnsafeBufferPointer { bias in
                let bias = layerCase.hasBias ? bias : nil
                switch layerCase.kind {
                case .linear:
                    let parameters = LinearParameters(
                        weight: weight, bias: bias, inputChannels: geometry.inputChannels,
                        outputChannels: geometry.outputChannels,
                        allowsInt8: layerCase.allowsInt8)
                    return (try backend.pack(parameters), nil)
                case .convolution:
                    let parameters = ConvolutionParameters(
                        weight: weight, bias: bias, geometry: geometry,
                        usualPixelCount: layerCase.usualPixelCount, use: layerCase.use,
                        allowsInt8: layerCase.allowsInt8)
                    return (nil, try backend.pack(parameters))
                }
            }
        }
    }

    /// One pass; in a dry run, its preparation.
    func apply(on lane: ComputeLane) { apply(weightsOf: self, on: lane) }

    /// One pass of this input through the layer of another case.
    func apply(weightsOf other: PreparedLayer, on lane: ComputeLane) {
        if !lane.isMeasuring, layerCase.residual == .inPlace { restoreOutput() }
        other.linear?.apply(input, into: output, epilogue: epilogue, lane: lane)
        other.convolution?.apply(input, into: output, epilogue: epilogue, lane: lane)
    }

    private func restoreOutput() {
        let channels = output.shape.channels
        for (index, value) in operands.addend.enumerated() {
            let place = index / channels * output.rowStride + index % channels
            switch output.elementType {
            case .float32: output.floats[place] = value
            case .bfloat16: output.bfloat16Bits[place] = UInt16(value.bitPattern >> 16)
            }
        }
    }
}
