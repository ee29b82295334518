// SPDX-License-Identifier: Apache-2.0

import TensorKit
import TokenMerging

/// The compute library's products, for methods that compare all pairs of tokens.
struct BackendTokenProducts: TokenProducts {
    let backend: any ComputeBackend

    func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        backend.multiply(
            left, leftCount, right, rightCount, depth: depth, into: output,
            outputStride: outputStride)
    }
}
