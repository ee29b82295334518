// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TensorKit

/// The rows of a `WeightDelta`, with its tensors in memory.
struct DeltaRows {
    private enum Factors {
        case full(StoredTensor)
        case product(ProductRows)
        case hadamard(ProductRows, ProductRows)
        /// Both matrices, the first with this many columns.
        case kronecker(left: [Float], leftColumns: Int, right: [Float], rightRows: Int)
    }

    private let factors: Factors
    private let columnCount: Int

    /// Reads the tensors; what is as large as the weight stays in its file.
    ///
    /// - Throws: `changed`, `notFinite`.
    init(_ delta: WeightDelta, backend: any ComputeBackend) throws(SafeTensorsError) {
        columnCount = delta.columnCount
        switch delta {
        case .full(let tensor): factors = .full(tensor)
        case .product(let product): factors = .product(try ProductRows(product, backend))
        case .hadamard(let first, let second):
            factors = .hadamard(
                try ProductRows(first, backend), try ProductRows(second, backend))
        case .kronecker(let left, let right):
            factors = .kronecker(
                left: try Self.matrix(left, backend), leftColumns: left.columnCount,
                right: try Self.matrix(right, backend), rightRows: right.rowCount)
        }
    }

    private static func matrix(
        _ factor: WeightDelta.KroneckerFactor, _ backend: any ComputeBackend
    ) throws(SafeTensorsError) -> [Float] {
        switch factor {
        case .full(let tensor): return try tensor.finiteFloats()
        case .product(let product):
            let rows = try ProductRows(product, backend)
            var values = [Float](repeating: 0, count: product.rowCount * product.columnCount)
            values.withUnsafeMutableBufferPointer { rows.write(0..<product.rowCount, into: $0) }
            return values
        }
    }

    /// Computes some rows.
    ///
    /// - Parameter target: as many values as the rows have.
    /// - Throws: `changed`, `notFinite`.
    func write(
        _ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        precondition(target.count == rows.count * columnCount, "values of the rows")
        switch factors {
        case .full(let tensor):
            try tensor.read(from: rows.lowerBound * columnCount, into: target)
            try tensor.requireFinite(target)
        case .product(let product): product.write(rows, into: target)
        case .hadamard(let first, let second):
            first.write(rows, into: target)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: target.count) { others in
                second.write(rows, into: others)
                for index in target.indices { target[index] *= others[index] }
            }
        case .kronecker(let left, let leftColumns, let right, let rightRows):
            let length = right.count / rightRows
            var place = 0
            for row in rows {
                let start = row % rightRows * length
                for column in 0..<leftColumns {
                    let factor = left[row / rightRows * leftColumns + column]
                    for index in 0..<length {
                        target[place + index] = factor * right[start + index]
                    }
                    place += length
                }
            }
        }
    }
}

/// The rows of a `FactorProduct`, with its factors in memory.
private struct ProductRows {
    private let backend: any ComputeBackend
    /// By kernel position: `[rowCount, rank]`.
    private let left: [Float]
    /// `[inputs (· kernel² without a core), rank]`.
    private let right: [Float]
    private let rank: Int
    private let rowCount: Int
    private let kernelCount: Int

    init(_ product: FactorProduct, _ backend: any ComputeBackend) throws(SafeTensorsError) {
        self.backend = backend
        let (rank, rowCount) = (product.rank, product.rowCount)
        self.rank = rank
        self.rowCount = rowCount
        kernelCount = product.kernelCount
        right = Self.transposed(try product.down.finiteFloats(), rows: rank)
        var up = try product.up.finiteFloats()
        if product.isUpTransposed { up = Self.transposed(up, rows: up.count / rowCount) }
        guard let core = product.core else {
            left = up
            return
        }
        // By kernel position `[rank, upper rank]`: the rows that `multiply` takes on the right.
        let upperRank = up.count / rowCount
        let planes = Self.transposed(try core.finiteFloats(), rows: upperRank * rank)
        var result = [Float](repeating: 0, count: kernelCount * rowCount * rank)
        for kernel in 0..<kernelCount {
            let start = kernel * upperRank * rank
            let plane = Self.transposed(
                Array(planes[start..<start + upperRank * rank]), rows: upperRank)
            result.withUnsafeMutableBufferPointer { target in
                Self.multiply(
                    up, 0..<rowCount, plane, depth: upperRank, backend,
                    into: UnsafeMutableBufferPointer(
                        rebasing: target[(kernel * rowCount * rank)...].prefix(rowCount * rank)))
            }
        }
        left = result
    }

    func write(_ rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) {
        guard kernelCount > 1 else {
            return Self.multiply(left, rows, right, depth: rank, backend, into: target)
        }
        let inputs = right.count / rank
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * inputs) { plane in
            for kernel in 0..<kernelCount {
                let first = kernel * rowCount
                Self.multiply(
                    left, first + rows.lowerBound..<first + rows.upperBound, right, depth: rank,
                    backend, into: plane)
                for index in plane.indices { target[index * kernelCount + kernel] = plane[index] }
            }
        }
    }

    /// `left[rows] · rightᵀ`.
    private static func multiply(
        _ left: [Float], _ rows: Range<Int>, _ right: [Float], depth: Int,
        _ backend: any ComputeBackend, into target: UnsafeMutableBufferPointer<Float>
    ) {
        let columns = right.count / depth
        precondition(target.count == rows.count * columns, "values of the product")
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress,
                    let target = target.baseAddress
                else { return }
                backend.multiply(
                    left + rows.lowerBound * depth, rows.count, right, columns, depth: depth,
                    into: target, outputStride: columns)
            }
        }
    }

    /// A matrix of this many rows, its columns as rows.
    private static func transposed(_ values: [Float], rows: Int) -> [Float] {
        let columns = values.count / rows
        return [Float](unsafeUninitializedCapacity: values.count) { target, count in
            values.withUnsafeBufferPointer { values in
                for column in 0..<columns {
                    for row in 0..<rows {
                        target.initializeElement(
                            at: column * rows + row, to: values[row * columns + column])
                    }
                }
            }
            count = values.count
        }
    }
}

extension StoredTensor {
    /// All values, none of them infinite or NaN.
    ///
    /// - Throws: `changed`, `notFinite`.
    func finiteFloats() throws(SafeTensorsError) -> [Float] {
        var values = try floats()
        try values.withUnsafeMutableBufferPointer { buffer throws(SafeTensorsError) in
            try requireFinite(buffer)
        }
        return values
    }

    /// - Throws: `notFinite`.
    fileprivate func requireFinite(
        _ values: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        var largest: UInt32 = 0
        for value in values { largest = max(largest, value.magnitude.bitPattern) }
        guard largest < Float.infinity.bitPattern else {
            throw .notFinite(file: path, tensor: name)
        }
    }
}
