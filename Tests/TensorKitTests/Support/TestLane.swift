// SPDX-License-Identifier: Apache-2.0

import CKernels
import TensorKit

/// The kernels that the tests run with.
func testKernels() -> UnsafePointer<rt_kernels> {
    rt_kernels_for(rt_isa_detect())!
}

extension ComputeLane {
    /// A lane on the calling thread.
    static func forTests(threadCount: Int = 1) -> ComputeLane {
        ComputeLane(kernels: testKernels(), team: ThreadTeam(threadCount: threadCount))
    }

    /// Runs a pass as the pipeline does: a dry run to size the workspace, then for real.
    func dryRunThenRun(_ pass: () -> Void) throws {
        try measure(pass)
        try finishDryRun()
        pass()
    }
}

extension Tensor {
    /// A tensor in its own memory; the values between rows are markers that must survive.
    static func make(
        _ shape: TensorShape, _ type: ElementType = .float32, gap: Int = 0, values: [Float]? = nil
    ) throws -> Tensor {
        let rowStride = shape.channels + gap
        let storage = try TensorStorage(byteCount: shape.rowCount * rowStride * type.byteCount)
        let tensor = Tensor(
            storage: storage, shape: shape, elementType: type, rowStride: rowStride)
        for row in 0..<shape.rowCount {
            for channel in 0..<rowStride {
                let isInside = channel < shape.channels
                let value = isInside ? values?[row * shape.channels + channel] ?? .nan : marker
                tensor.set(value, at: row * rowStride + channel)
            }
        }
        return tensor
    }

    static let marker: Float = 1234.5

    private func set(_ value: Float, at index: Int) {
        switch elementType {
        case .float32: floats[index] = value
        case .bfloat16:
            bfloat16Bits[index] = UInt16(roundedToBFloat16(value).bitPattern >> 16)
        }
    }

    private func value(at index: Int) -> Float {
        switch elementType {
        case .float32: floats[index]
        case .bfloat16: Float(bitPattern: UInt32(bfloat16Bits[index]) << 16)
        }
    }

    /// The values of all rows, without those between them.
    var values: [Float] {
        (0..<shape.rowCount).flatMap { row in
            (0..<shape.channels).map { value(at: row * rowStride + $0) }
        }
    }

    /// Whether nothing was written between the rows.
    var gapsAreIntact: Bool {
        (0..<shape.rowCount).allSatisfy { row in
            (shape.channels..<rowStride).allSatisfy {
                value(at: row * rowStride + $0) == roundedToBFloat16(Tensor.marker)
                    || value(at: row * rowStride + $0) == Tensor.marker
            }
        }
    }
}
