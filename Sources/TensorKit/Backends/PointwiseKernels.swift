// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// The pointwise steps of an epilogue on one row of f32.
struct PointwiseKernels {
    init(_ kernels: UnsafePointer<rt_kernels>) {}

    /// `target = source + bias`; `target` may be `source`.
    func addBias(
        _ source: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] = source[index] + bias[index] }
    }

    /// `target += source`
    func add(
        _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] += source[index] }
    }

    /// `values = activation(values)`
    func activate(_ activation: Activation, _ values: UnsafeMutablePointer<Float>, count: Int) {
        switch activation {
        case .silu: for index in 0..<count { values[index] /= 1 + expf(-values[index]) }
        case .quickGELU:
            for index in 0..<count { values[index] /= 1 + expf(-1.702 * values[index]) }
        case .gelu:
            for index in 0..<count {
                values[index] *= 0.5 * (1 + erff(values[index] * Float(0.5).squareRoot()))
            }
        }
    }
}
