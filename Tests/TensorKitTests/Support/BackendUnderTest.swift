// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// A backend at a precision.
struct BackendUnderTest: Sendable, CustomTestStringConvertible {
    let kind: BackendKind
    let precision: Precision
    var usesWinograd = true

    var testDescription: String {
        "\(kind) \(precision.rawValue)\(usesWinograd ? "" : " direct")"
    }

    /// The backends this processor can run.
    static let available: [BackendUnderTest] = {
        var all = [
            BackendUnderTest(kind: .openblas, precision: .float32),
            BackendUnderTest(kind: .onednn, precision: .float32),
        ]
        if OneDNNLibrary.supportsBFloat16 {
            all.append(BackendUnderTest(kind: .onednn, precision: .bfloat16))
        }
        return all
    }()

    /// The same, and each without Winograd's algorithm.
    static let availableBothWays = available.flatMap { backend in
        [true, false].map {
            BackendUnderTest(
                kind: backend.kind, precision: backend.precision, usesWinograd: $0)
        }
    }

    func make() throws -> any ComputeBackend {
        let cpu = CPUInfo.detect()
        return switch kind {
        case .openblas:
            OpenBLASBackend(
                library: try OpenBLASLibrary(cpu: cpu), cpu: cpu, usesWinograd: usesWinograd,
                memoryByteCount: nil)
        case .onednn:
            try OneDNNBackend(
                precision: precision, library: OneDNNLibrary(), cpu: cpu,
                usesWinograd: usesWinograd, memoryByteCount: nil)
        }
    }

    /// Allowed relative L2 distance from the same layer in double precision.
    func tolerance(
        output: ElementType, kernelSize: Int = 1, use: ConvolutionUse = .everyStep
    ) -> Double {
        // Winograd's algorithm in bf16 rounds transformed weights and pixels; F(4×4) makes more of
        // the errors.
        if precision == .bfloat16, usesWinograd, kernelSize == 3 {
            return use == .everyStep ? 0.006 : 0.018
        }
        // f32: rounding of sums of up to 3000 products. bf16: the inputs are bf16 numbers already
        // and sums are f32, so only the rounding of the output counts, half of 2⁻⁸ at most.
        return output == .bfloat16 ? 0.003 : 3e-6
    }
}
