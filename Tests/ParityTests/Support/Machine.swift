// SPDX-License-Identifier: Apache-2.0

import CKernels
import TensorKit
import TestSupport
import Testing

/// A backend, a precision and an instruction set: one way to compute.
struct Machine: Sendable, CustomTestStringConvertible {
    let backend: BackendKind
    let precision: Precision
    let instructionSet: rt_isa

    var testDescription: String {
        let name = rt_kernels_for(instructionSet).map { String(cString: $0.pointee.name) }
        return "\(backend.rawValue) \(precision.rawValue) \(name ?? "?")"
    }

    /// Every f32 configuration of this processor: both backends, the scalar kernels and all vector
    /// kernels.
    static let float32: [Machine] = [BackendKind.openblas, .onednn].flatMap { backend in
        instructionSets.map {
            Machine(backend: backend, precision: .float32, instructionSet: $0)
        }
    }

    /// Every bf16 configuration; none on a processor without it.
    static let bfloat16: [Machine] =
        OneDNNLibrary.supportsBFloat16
        ? instructionSets.map {
            Machine(backend: .onednn, precision: .bfloat16, instructionSet: $0)
        } : []

    /// The program's default f32 configuration.
    static let standard = Machine(
        backend: .onednn, precision: .float32, instructionSet: rt_isa_detect())

    private static let instructionSets = [
        RT_ISA_SCALAR, RT_ISA_AVX2, RT_ISA_AVX512, RT_ISA_AVX512_BF16,
    ].filter { rt_kernels_for($0) != nil }

    func makeBackend() throws -> any ComputeBackend {
        try ComputeConfiguration(backend: backend, precision: precision, threadCount: 1)
            .resolve().makeBackend()
    }

    func makeLane(threadCount: Int = 1) throws -> ComputeLane {
        let kernels = try #require(rt_kernels_for(instructionSet))
        let team = ThreadTeam(threadCount: threadCount)
        team.adopt()
        return ComputeLane(kernels: kernels, team: team)
    }
}

extension ComputeLane {
    /// Runs a pass as the program does: a dry run first, then with the memory it requested.
    func run(_ body: (_ lane: ComputeLane) throws -> Void) throws {
        try measure { try body(self) }
        try finishDryRun()
        try body(self)
    }
}

extension Tensor {
    /// An f32 tensor with its own memory.
    static func make(_ shape: TensorShape, _ values: [Float]? = nil) throws -> Tensor {
        let storage = try TensorStorage(byteCount: shape.elementCount * 4 + 128)
        let tensor = Tensor(storage: storage, shape: shape, elementType: .float32)
        if let values {
            precondition(values.count == shape.elementCount, "\(values.count) values for \(shape)")
            values.withUnsafeBufferPointer {
                tensor.floats.update(from: $0.baseAddress!, count: values.count)
            }
        }
        return tensor
    }

    /// All values of an f32 tensor, without the gaps between rows.
    var values: [Float] {
        (0..<shape.rowCount).flatMap { row in
            (0..<shape.channels).map { floats[row * rowStride + $0] }
        }
    }

    /// As many values as a golden has, at the evenly spread positions sampled by the script.
    func samples(_ count: Int) -> [Float] {
        (0..<count).map { index in
            let place = index * shape.elementCount / count
            return floats[place / shape.channels * rowStride + place % shape.channels]
        }
    }
}

/// Compares the results of inner layers as they arrive and records the first difference.
final class LayerComparison {
    private let expected: [String: [Float]]
    private let bound: Double
    private var seen: Set<String> = []
    private(set) var firstDifference: String?

    init(_ expected: [String: [Float]], bound: Double) {
        self.expected = expected
        self.bound = bound
    }

    /// Called with each result; a dry run has none.
    func check(_ name: String, _ result: Tensor) {
        guard result.storage !== TensorStorage.unbacked, let values = expected[name] else { return }
        seen.insert(name)
        let error = relativeL2(result.samples(values.count), values)
        if error > bound, firstDifference == nil {
            firstDifference = "\(name) is the first layer that differs: \(error)"
        }
    }

    /// Layers in the goldens that the network did not report.
    var unseen: [String] { expected.keys.filter { !seen.contains($0) }.sorted() }
}
