// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// A backend at a precision.
struct BackendUnderTest: Sendable, CustomTestStringConvertible {
    let kind: BackendKind
    let precision: Precision

    var testDescription: String { "\(kind) \(precision.rawValue)" }

    /// Those that this processor can run.
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

    func make() throws -> any ComputeBackend {
        let cpu = CPUInfo.detect()
        return switch kind {
        case .openblas: OpenBLASBackend(library: try OpenBLASLibrary(cpu: cpu), cpu: cpu)
        case .onednn: try OneDNNBackend(precision: precision, library: OneDNNLibrary(), cpu: cpu)
        }
    }

    /// Relative L2 distance allowed from the same layer in double precision.
    func tolerance(output: ElementType) -> Double {
        // f32: rounding of sums of up to 3000 products. bf16: the inputs are bf16 numbers already
        // and sums are f32, so only the rounding of the output counts, half of 2⁻⁸ at most.
        output == .bfloat16 ? 0.003 : 3e-6
    }
}
