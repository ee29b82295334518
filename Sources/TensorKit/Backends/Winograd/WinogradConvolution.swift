// SPDX-License-Identifier: Apache-2.0

import CKernels

/// A convolution of 3×3 pixels by Winograd's minimal filtering: fewer products, larger weights.
///
/// F(2×2, 3×3) or F(4×4, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
/// (2016), by our own kernels. Every backend may use it. Sums of products in the inputs' type are
/// f32; in bf16 the transformed weights and pixels are rounded, each once. For products of bytes they
/// are rounded with a scale for every patch and output channel at each of the 16 positions, and
/// summed exactly: bits then depend neither on the instruction set nor on the number of threads.
final class WinogradConvolution: PackedConvolution {
    let geometry: ConvolutionGeometry
    /// Their kernels packed the weights; lanes with other kernels use these here anyway.
    private let products: WinogradProducts
    private let inputType: ElementType
    private let weights: TensorStorage
    /// `[outputChannels]`, f32.
    private let bias: TensorStorage

    /// Transforms and packs weights.
    ///
    /// - Parameters:
    ///   - products: how it multiplies, and with which kernels.
    ///   - inputType: type of the inputs.
    init(
        _ parameters: ConvolutionParameters, products: WinogradProducts, inputType: ElementType
    ) throws(TensorStorageError) {
        geometry = parameters.geometry
        self.products = products
        self.inputType = inputType
        let kernels = products.kernels
        let (inputs, outputs) = (geometry.inputChannels, geometry.outputChannels)
        bias = try TensorStorage(channels: outputs, bias: parameters.bias)
        let transposed = try TensorStorage(
            byteCount: 9 * inputs * outputs * MemoryLayout<Float>.stride)
        let taps = transposed.base.assumingMemoryBound(to: Float.self)
        WeightTranspose.outputsLast(parameters.weight, geometry: geometry, into: taps)
        var call = Self.call(
            geometry, products, to: TensorShape(height: 1, width: 1, channels: outputs),
            inputType: inputType, memory: taps)
        let plan = kernels.plan(&call)
        weights = try TensorStorage(byteCount: Int(plan.packed_byte_count), spreads: true)
        var packing = rt_winograd_pack(
            tile: products.tile.kernelTile, weights: taps, input_channels: Int64(inputs),
            output_channels: Int64(outputs), element: inputType.kernelElement,
            packed: weights.base)
        kernels.pack(&packing, 0, plan.pack_unit_count)
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        LayerCheck.convolution(geometry, input, output, epilogue, type: inputType)
        let kernels = products.kernels
        lane.work.convolutionFLOPs += geometry.operationCount(output: output.shape)
        var call = Self.call(
            geometry, products, to: output.shape, inputType: inputType, memory: output.rawPointer)
        call.input = input.kernelSource
        call.output = output.kernelTarget
        call.weights = UnsafeRawPointer(weights.base)
        let biasPointer = epilogue.bias?.rawPointer ?? bias.base
        call.bias = UnsafePointer(biasPointer.assumingMemoryBound(to: Float.self))
        call.activation = epilogue.activation.kernelActivation
        call.activates_sum = epilogue.activatesSum ? 1 : 0
        call.share_count = Int64(lane.team.threadCount)
        lane.workspace.scope {
            let plan = kernels.plan(&call)
            call.scratch = lane.workspace.bytes(
                Int(plan.scratch_byte_count) * lane.team.threadCount)
            if lane.isMeasuring { return }
            withResidual(epilogue.residual) { residual in
                call.residual = residual
                lane.run(kernels.run, &call, unitCount: lane.team.threadCount)
            }
        }
    }

    /// The arguments that follow from shapes; `memory` substitutes for all pointers.
    private static func call(
        _ geometry: ConvolutionGeometry, _ products: WinogradProducts, to output: TensorShape,
        inputType: ElementType, memory: UnsafeMutableRawPointer
    ) -> rt_winograd {
        let element = inputType.kernelElement
        return rt_winograd(
            tile: products.tile.kernelTile,
            input: rt_source(
                data: memory, row_stride: Int64(geometry.inputChannels), element: element),
            output: rt_target(
                data: memory, row_stride: Int64(geometry.outputChannels),
                element: RT_ELEMENT_F32),
            weights: memory, bias: memory.assumingMemoryBound(to: Float.self), residual: nil,
            activation: RT_ACTIVATION_NONE, activates_sum: 0, batch: Int64(output.batch),
            height: Int64(output.height), width: Int64(output.width),
            vertical_padding: Int64(geometry.verticalPadding),
            input_channels: Int64(geometry.inputChannels),
            output_channels: Int64(geometry.outputChannels), share_count: 1, scratch: memory)
    }
}
