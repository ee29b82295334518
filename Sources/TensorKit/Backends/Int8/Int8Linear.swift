// SPDX-License-Identifier: Apache-2.0

import CKernels

/// A fully connected layer in bytes: a scale per output channel and, for each call, per row.
///
/// By our own kernels. Sums are exact integers, so its bits depend neither on the instruction set nor
/// on the number of threads.
final class Int8Linear: PackedLinear {
    let inputChannels: Int
    let outputChannels: Int
    private let inputType: ElementType
    private let instructionSet: Int8InstructionSet
    private let weights: TensorStorage
    private let bias: TensorStorage

    /// Rounds and packs weights.
    ///
    /// - Parameters:
    ///   - inputType: type of the inputs, which each call rounds.
    ///   - instructionSet: the kernels that will compute.
    init(
        _ parameters: LinearParameters, inputType: ElementType, instructionSet: Int8InstructionSet
    ) throws(TensorStorageError) {
        inputChannels = parameters.inputChannels
        outputChannels = parameters.outputChannels
        self.inputType = inputType
        self.instructionSet = instructionSet
        bias = try TensorStorage(channels: outputChannels, bias: parameters.bias)
        let kernels = KernelTable.of(instructionSet).pointee
        var call = Self.call(
            inputChannels, outputChannels, rowCount: 1, inputType: inputType, memory: bias.base)
        let plan = kernels.linear_plan(&call)
        weights = try TensorStorage(byteCount: Int(plan.packed_byte_count), spreads: true)
        guard let source = parameters.weight.baseAddress else {
            preconditionFailure("a layer without weights")
        }
        var packing = rt_linear_int8_pack(
            weights: source, input_channels: Int64(inputChannels),
            output_channels: Int64(outputChannels), packed: weights.base)
        kernels.linear_pack(&packing, 0, plan.pack_unit_count)
    }

    func apply(_ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane) {
        let rows = input.shape.rowCount
        LayerCheck.input(input, channels: inputChannels, type: inputType)
        LayerCheck.output(output, rows: rows, channels: outputChannels, epilogue: epilogue)
        lane.work.linearFLOPs += 2 * rows * inputChannels * outputChannels
        let kernels = KernelTable.of(instructionSet).pointee
        var call = Self.call(
            inputChannels, outputChannels, rowCount: rows, inputType: inputType,
            memory: output.rawPointer)
        call.input = input.kernelSource
        call.output = output.kernelTarget
        call.weights = UnsafeRawPointer(weights.base)
        let biasPointer = epilogue.bias?.rawPointer ?? bias.base
        call.bias = UnsafePointer(biasPointer.assumingMemoryBound(to: Float.self))
        call.activation = epilogue.activation.kernelActivation
        call.activates_sum = epilogue.activatesSum ? 1 : 0
        call.share_count = Int64(lane.team.threadCount)
        lane.workspace.scope {
            let plan = kernels.linear_plan(&call)
            call.rounded = lane.workspace.bytes(Int(plan.rounded_byte_count))
            call.scratch = lane.workspace.bytes(
                Int(plan.scratch_byte_count) * lane.team.threadCount)
            if lane.isMeasuring { return }
            lane.run(kernels.linear_round, &call, unitCount: rows)
            withResidual(epilogue.residual) { residual in
                call.residual = residual
                lane.run(kernels.linear_run, &call, unitCount: lane.team.threadCount)
            }
        }
    }

    /// The arguments that follow from shapes; `memory` substitutes for all pointers.
    private static func call(
        _ inputChannels: Int, _ outputChannels: Int, rowCount: Int, inputType: ElementType,
        memory: UnsafeMutableRawPointer
    ) -> rt_linear_int8 {
        rt_linear_int8(
            input: rt_source(
                data: memory, row_stride: Int64(inputChannels), element: inputType.kernelElement),
            output: rt_target(
                data: memory, row_stride: Int64(outputChannels), element: RT_ELEMENT_F32),
            weights: memory, bias: memory.assumingMemoryBound(to: Float.self), residual: nil,
            activation: RT_ACTIVATION_NONE, activates_sum: 0, row_count: Int64(rowCount),
            input_channels: Int64(inputChannels), output_channels: Int64(outputChannels),
            rounded: memory, share_count: 1, scratch: memory)
    }
}
