// SPDX-License-Identifier: Apache-2.0

import CKernels

/// A convolution of 3×3 pixels by Winograd's minimal filtering, with products of bytes.
///
/// Transformed pixels and weights are rounded, with a scale for every patch and output channel at each
/// of the 16 positions. By our own kernels. Sums are exact integers, so its bits depend neither on the
/// instruction set nor on the number of threads.
final class Int8Convolution: PackedConvolution {
    let geometry: ConvolutionGeometry
    private let inputType: ElementType
    private let instructionSet: Int8InstructionSet
    private let weights: TensorStorage
    private let bias: TensorStorage

    /// Transforms, rounds and packs weights.
    ///
    /// - Parameters:
    ///   - inputType: type of the inputs, whose patches each call rounds.
    ///   - instructionSet: the kernels that will compute.
    init(
        _ parameters: ConvolutionParameters, inputType: ElementType,
        instructionSet: Int8InstructionSet
    ) throws(TensorStorageError) {
        geometry = parameters.geometry
        self.inputType = inputType
        self.instructionSet = instructionSet
        let (inputs, outputs) = (geometry.inputChannels, geometry.outputChannels)
        bias = try TensorStorage(channels: outputs, bias: parameters.bias)
        let kernels = KernelTable.of(instructionSet).pointee
        let transposed = try TensorStorage(
            byteCount: 9 * inputs * outputs * MemoryLayout<Float>.stride)
        let taps = transposed.base.assumingMemoryBound(to: Float.self)
        WeightTranspose.outputsLast(parameters.weight, geometry: geometry, into: taps)
        var call = Self.call(
            geometry, to: TensorShape(height: 1, width: 1, channels: outputs),
            inputType: inputType, memory: taps)
        let plan = kernels.winograd_plan(&call)
        weights = try TensorStorage(byteCount: Int(plan.packed_byte_count), spreads: true)
        var packing = rt_winograd_pack(
            tile: RT_WINOGRAD_2X2, weights: taps, input_channels: Int64(inputs),
            output_channels: Int64(outputs), element: inputType.kernelElement, packed: weights.base)
        kernels.winograd_pack(&packing, 0, plan.pack_unit_count)
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        LayerCheck.convolution(geometry, input, output, epilogue, type: inputType)
        let kernels = KernelTable.of(instructionSet).pointee
        lane.work.convolutionFLOPs += geometry.operationCount(output: output.shape)
        var call = Self.call(
            geometry, to: output.shape, inputType: inputType, memory: output.rawPointer)
        call.input = input.kernelSource
        call.output = output.kernelTarget
        call.weights = UnsafeRawPointer(weights.base)
        let biasPointer = epilogue.bias?.rawPointer ?? bias.base
        call.bias = UnsafePointer(biasPointer.assumingMemoryBound(to: Float.self))
        call.activation = epilogue.activation.kernelActivation
        call.activates_sum = epilogue.activatesSum ? 1 : 0
        call.share_count = Int64(lane.team.threadCount)
        lane.workspace.scope {
            let plan = kernels.winograd_plan(&call)
            call.scratch = lane.workspace.bytes(
                Int(plan.scratch_byte_count) * lane.team.threadCount)
            if lane.isMeasuring { return }
            withResidual(epilogue.residual) { residual in
                call.residual = residual
                lane.run(kernels.winograd_run, &call, unitCount: lane.team.threadCount)
            }
        }
    }

    /// The arguments that follow from shapes; `memory` substitutes for all pointers.
    private static func call(
        _ geometry: ConvolutionGeometry, to output: TensorShape, inputType: ElementType,
        memory: UnsafeMutableRawPointer
    ) -> rt_winograd {
        rt_winograd(
            tile: RT_WINOGRAD_2X2,
            input: rt_source(
                data: memory, row_stride: Int64(geometry.inputChannels),
                element: inputType.kernelElement),
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
