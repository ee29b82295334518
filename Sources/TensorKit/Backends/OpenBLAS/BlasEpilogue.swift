// SPDX-License-Identifier: Apache-2.0

/// What is done to each block of a product while it is in cache.
struct BlasEpilogue {
    private let activation: Activation?
    private let bias: UnsafePointer<Float>
    private let output: MutableMatrix
    /// Nil where the product itself accumulates.
    private let residual: Matrix?
    /// Products go here, one block per thread, when the output still holds the residual.
    private let scratch: UnsafeMutablePointer<Float>?
    private let kernels: PointwiseKernels
    /// Whether products add to the output instead of replacing it.
    let accumulates: Bool

    /// Takes its scratch from the lane's workspace; make it within a scope.
    init(
        _ epilogue: Epilogue, ownBias: UnsafePointer<Float>, output: Tensor, lane: ComputeLane
    ) {
        activation = epilogue.activation
        bias = epilogue.bias.map { UnsafePointer($0.floats) } ?? ownBias
        kernels = PointwiseKernels(lane.kernels)
        self.output = MutableMatrix(
            base: output.floats, rows: output.shape.rowCount, columns: output.shape.channels,
            stride: output.rowStride)
        let isInPlace = epilogue.residual?.rawPointer == output.rawPointer
        accumulates = isInPlace && epilogue.activation == nil
        residual =
            accumulates
            ? nil
            : epilogue.residual.map { residual in
                Matrix(
                    base: UnsafePointer(residual.floats), rows: residual.shape.rowCount,
                    columns: residual.shape.channels, stride: residual.rowStride)
            }
        if isInPlace && !accumulates {
            let block = min(ProductSplit.blockRows, self.output.rows) * self.output.columns
            let bytes = lane.team.threadCount * block * MemoryLayout<Float>.stride
            scratch = lane.workspace.bytes(bytes).assumingMemoryBound(to: Float.self)
        } else {
            scratch = nil
        }
    }

    /// Where the product of a block goes.
    func target(part: Int, rows: Range<Int>, columns: Range<Int>) -> MutableMatrix {
        guard let scratch else { return output.part(rows: rows, columns: columns) }
        let block = min(ProductSplit.blockRows, output.rows) * output.columns
        return MutableMatrix(
            base: scratch + part * block, rows: rows.count, columns: columns.count,
            stride: columns.count)
    }

    /// `output = activation(product + bias) + residual` on a block.
    func finish(_ product: MutableMatrix, rows: Range<Int>, columns: Range<Int>) {
        for (index, row) in rows.enumerated() {
            let source = product.base + index * product.stride
            let target = output.base + row * output.stride + columns.lowerBound
            // With the residual still in the output, the product is finished where it is.
            let values = scratch == nil ? target : source
            kernels.addBias(source, bias + columns.lowerBound, into: values, count: columns.count)
            if let activation { kernels.activate(activation, values, count: columns.count) }
            if scratch != nil {
                kernels.add(values, into: target, count: columns.count)
            } else if let residual {
                let addend = residual.base + row * residual.stride + columns.lowerBound
                kernels.add(addend, into: target, count: columns.count)
            }
        }
    }
}
