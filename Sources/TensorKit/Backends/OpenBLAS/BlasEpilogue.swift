// SPDX-License-Identifier: Apache-2.0

import CKernels

/// The operations on each block of a product while it is in cache.
struct BlasEpilogue {
    private let productActivation: Activation?
    private let sumActivation: Activation?
    private let bias: UnsafePointer<Float>
    private let output: MutableMatrix
    /// `nil` if the product itself accumulates.
    private let residual: Matrix?
    /// Destination of products, one block per thread, while the output still holds the residual.
    private let scratch: UnsafeMutablePointer<Float>?
    private let kernels: UnsafePointer<rt_kernels>
    /// Whether products add to the output instead of replacing it.
    let accumulates: Bool

    /// Output values finished at once: a quarter of a small second-level cache.
    private static let chunkCount = 1 << 14

    /// Takes its scratch memory from the lane's workspace; create it within a scope.
    init(
        _ epilogue: Epilogue, ownBias: UnsafePointer<Float>, output: Tensor, lane: ComputeLane
    ) {
        productActivation = epilogue.productActivation
        sumActivation = epilogue.sumActivation
        bias = epilogue.bias.map { UnsafePointer($0.floats) } ?? ownBias
        kernels = lane.kernels
        self.output = MutableMatrix(
            base: output.floats, rows: output.shape.rowCount, columns: output.shape.channels,
            stride: output.rowStride)
        let isInPlace = epilogue.residual?.rawPointer == output.rawPointer
        accumulates = isInPlace && productActivation == nil
        residual =
            accumulates
            ? nil
            : epilogue.residual.map {
                Matrix(
                    base: UnsafePointer($0.floats), rows: $0.shape.rowCount,
                    columns: $0.shape.channels, stride: $0.rowStride)
            }
        if isInPlace && !accumulates {
            let block = min(ProductSplit.blockRows, self.output.rows) * self.output.columns
            let bytes = lane.team.threadCount * block * MemoryLayout<Float>.stride
            scratch = lane.workspace.bytes(bytes).assumingMemoryBound(to: Float.self)
        } else {
            scratch = nil
        }
    }

    /// The destination of a block's product.
    func target(part: Int, rows: Range<Int>, columns: Range<Int>) -> MutableMatrix {
        guard let scratch else { return output.part(rows: rows, columns: columns) }
        let block = min(ProductSplit.blockRows, output.rows) * output.columns
        return MutableMatrix(
            base: scratch + part * block, rows: rows.count, columns: columns.count,
            stride: columns.count)
    }

    /// `output = activation(product + bias) + residual` on a block; see `Epilogue`.
    func finish(_ product: MutableMatrix, rows: Range<Int>, columns: Range<Int>) {
        let chunk = max(1, Self.chunkCount / columns.count)
        for first in stride(from: 0, to: product.rows, by: chunk) {
            let inner = first..<min(first + chunk, product.rows)
            let values = product.part(rows: inner, columns: 0..<columns.count)
            // The bias is a matrix whose rows all have the same address.
            add(
                Matrix(
                    base: bias + columns.lowerBound, rows: inner.count, columns: columns.count,
                    stride: 0), into: values)
            if let productActivation { activate(productActivation, values) }
            let outer = rows.lowerBound + inner.lowerBound..<rows.lowerBound + inner.upperBound
            if scratch != nil {
                // The residual is still in the output.
                add(values.asSource, into: output.part(rows: outer, columns: columns))
            } else if let residual {
                add(residual.part(rows: outer, columns: columns), into: values)
            }
            // A residual that is still in the output has a product that is activated before.
            if let sumActivation { activate(sumActivation, values) }
        }
    }

    private func add(_ source: Matrix, into target: MutableMatrix) {
        var arguments = rt_add_rows(
            source: source.kernelSource, target: target.kernelTarget,
            channels: Int64(target.columns), index: nil)
        kernels.pointee.add_rows(&arguments, 0, Int64(target.rows))
    }

    private func activate(_ activation: Activation, _ values: MutableMatrix) {
        var arguments = rt_activate(
            source: values.asSource.kernelSource, target: values.kernelTarget,
            channels: Int64(values.columns), activation: Optional(activation).kernelActivation)
        kernels.pointee.activate(&arguments, 0, Int64(values.rows))
    }
}

extension Matrix {
    fileprivate var kernelSource: rt_source {
        rt_source(
            data: UnsafeRawPointer(base), row_stride: Int64(stride), element: RT_ELEMENT_F32)
    }
}

extension MutableMatrix {
    fileprivate var asSource: Matrix {
        Matrix(base: UnsafePointer(base), rows: rows, columns: columns, stride: stride)
    }

    fileprivate var kernelTarget: rt_target {
        rt_target(
            data: UnsafeMutableRawPointer(base), row_stride: Int64(stride),
            element: RT_ELEMENT_F32)
    }
}
