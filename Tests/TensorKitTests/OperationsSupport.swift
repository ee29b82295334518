// SPDX-License-Identifier: Apache-2.0

import CKernels
import TensorKit
import Testing

/// The kernels of one instruction set and a team: all that may differ between two runs.
struct OperationRun: CustomTestStringConvertible, Sendable {
    var isa: rt_isa
    var threadCount: Int

    /// Every instruction set of this machine with teams of one to three.
    static let all: [OperationRun] =
        [RT_ISA_SCALAR, RT_ISA_AVX2, RT_ISA_AVX512, RT_ISA_AVX512_BF16, RT_ISA_AMX_BF16]
        .filter { rt_kernels_for($0) != nil }
        .flatMap { isa in (1...3).map { OperationRun(isa: isa, threadCount: $0) } }

    var testDescription: String { "isa \(isa.rawValue), \(threadCount) threads" }

    /// Runs a pass as a pipeline does: a dry run to size the workspace, then for real.
    ///
    /// - Returns: the lane, for its counts.
    @discardableResult
    func perform(_ pass: (ComputeLane) -> Void) throws -> ComputeLane {
        let kernels = try #require(rt_kernels_for(isa))
        let lane = ComputeLane(kernels: kernels, team: ThreadTeam(threadCount: threadCount))
        lane.team.adopt()
        pass(lane)
        let counted = lane.work
        try lane.finishDryRun()
        lane.work = WorkCount()
        pass(lane)
        #expect(lane.work == counted, "a dry run counts what a run does")
        return lane
    }
}

/// Tensors for the tests of operations, and their values as the tests see them.
enum OperationTensor {
    static func make(
        _ shape: TensorShape, _ type: ElementType, gap: Int = 0, seed: UInt64 = 0
    ) throws -> Tensor {
        let stride = shape.channels + gap
        let storage = try TensorStorage(byteCount: shape.rowCount * stride * type.byteCount)
        let tensor = Tensor(storage: storage, shape: shape, elementType: type, rowStride: stride)
        var state = seed
        for index in 0..<shape.rowCount * stride {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Float(Int64(bitPattern: state) >> 40) * 0x1p-22
            switch type {
            case .float32: tensor.floats[index] = value
            case .bfloat16: tensor.bfloat16Bits[index] = UInt16(value.bitPattern >> 16)
            }
        }
        return tensor
    }

    static func value(_ tensor: Tensor, _ row: Int, _ channel: Int) -> Float {
        let index = row * tensor.rowStride + channel
        return switch tensor.elementType {
        case .float32: tensor.floats[index]
        case .bfloat16: Float(bitPattern: UInt32(tensor.bfloat16Bits[index]) << 16)
        }
    }

    static func values(_ tensor: Tensor) -> [Float] {
        (0..<tensor.shape.rowCount).flatMap { row in
            (0..<tensor.shape.channels).map { value(tensor, row, $0) }
        }
    }

    /// ‖result − expected‖ / ‖expected‖.
    static func distance(_ result: Tensor, _ expected: [Double]) -> Double {
        let values = values(result)
        precondition(values.count == expected.count, "\(values.count), \(expected.count)")
        let difference = zip(values, expected).reduce(0) {
            $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1)
        }
        let norm = expected.reduce(0) { $0 + $1 * $1 }
        return (difference / norm).squareRoot()
    }
}
