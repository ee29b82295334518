// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TensorKit

/// A backend that counts what it packs.
final class CountingBackend: ComputeBackend {
    private let backend: any ComputeBackend
    private let count = Atomic(0)

    init(_ backend: any ComputeBackend) { self.backend = backend }

    /// Layers packed so far.
    var packedCount: Int { count.load(ordering: .relaxed) }

    var kind: BackendKind { backend.kind }
    var precision: Precision { backend.precision }
    var activationType: ElementType { backend.activationType }
    var instructionSet: InstructionSet { backend.instructionSet }
    var kernelClass: String { backend.kernelClass }

    func pack(_ parameters: LinearParameters) throws -> any PackedLinear {
        count.add(1, ordering: .relaxed)
        return try backend.pack(parameters)
    }

    func pack(_ parameters: ConvolutionParameters) throws -> any PackedConvolution {
        count.add(1, ordering: .relaxed)
        return try backend.pack(parameters)
    }

    func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        backend.multiply(
            left, leftCount, right, rightCount, depth: depth, into: output,
            outputStride: outputStride)
    }
}
