// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Passes over the rows of tensors around a product that must be dense.
enum RowPass {
    /// Copies rows of the same type.
    static func copy(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        precondition(input.elementType == output.elementType, "a copy does not convert")
        if lane.isMeasuring { return }
        let size = input.elementType.byteCount
        let byteCount = input.shape.channels * size
        lane.team.split(input.shape.rowCount) { rows in
            for row in rows {
                memcpy(
                    output.rawPointer + row * output.rowStride * size,
                    input.rawPointer + row * input.rowStride * size, byteCount)
            }
        }
    }

    /// `output = product + residual`, rounded to the output's type.
    static func combine(
        _ product: Tensor, _ residual: Tensor?, into output: Tensor, lane: ComputeLane
    ) {
        guard let residual else { return copy(product, into: output, lane: lane) }
        if lane.isMeasuring { return }
        lane.team.split(output.shape.rowCount) { rows in
            for row in rows {
                let values = product.floats + row * product.rowStride
                switch residual.elementType {
                case .float32:
                    let addend = residual.floats + row * residual.rowStride
                    for index in 0..<output.shape.channels { values[index] += addend[index] }
                case .bfloat16:
                    let addend = residual.bfloat16Bits + row * residual.rowStride
                    for index in 0..<output.shape.channels {
                        values[index] += Float(bitPattern: UInt32(addend[index]) << 16)
                    }
                }
                store(values, into: output, row: row)
            }
        }
    }

    private static func store(
        _ values: UnsafeMutablePointer<Float>, into output: Tensor, row: Int
    ) {
        let count = output.shape.channels
        switch output.elementType {
        case .float32: (output.floats + row * output.rowStride).update(from: values, count: count)
        case .bfloat16:
            let target = output.bfloat16Bits + row * output.rowStride
            for index in 0..<count {
                // To nearest, ties to even; values of a network are finite.
                let bits = values[index].bitPattern
                target[index] = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
            }
        }
    }
}
