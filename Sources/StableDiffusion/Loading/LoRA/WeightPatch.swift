// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TensorKit

/// What LoRAs add to one weight, in the order in which they were given.
struct WeightPatch: Sendable {
    /// One LoRA's part.
    struct Term: Sendable {
        var delta: WeightDelta
        /// α / rank, or what the file says instead.
        var scale: Float
        /// The user's weight.
        var weight: Float
        /// DoRA: the length of every row, or of every input's column, that the sum is given.
        var magnitudes: Magnitudes?
    }

    /// DoRA's magnitudes.
    enum Magnitudes: Sendable {
        /// One per row of outputs.
        case rows(StoredTensor)
        /// One per input, over all outputs and the kernel.
        case columns(StoredTensor)
    }

    /// In the order of the sum.
    var terms: [Term] = []

    /// Values of a change that are computed at once, and rows: blocks that stay in the cache, but
    /// not so few rows that a product is mostly the packing of its other side.
    private static let blockCount = 1 << 18
    private static let blockRowsMin = 96

    /// Adds the terms to a weight.
    ///
    /// - Parameters:
    ///   - weight: the values, row by row.
    ///   - backend: multiplies; on the calling thread's team.
    /// - Throws: `changed`, `notFinite`.
    func apply(
        to weight: UnsafeMutableBufferPointer<Float>, backend: any ComputeBackend
    ) throws(SafeTensorsError) {
        for term in terms {
            let rows = try DeltaRows(term.delta, backend: backend)
            let matrix = WeightMatrix(
                values: weight, rowCount: term.delta.rowCount, columnCount: term.delta.columnCount)
            switch term.magnitudes {
            case nil:
                let factor = term.weight * term.scale
                try Self.forEachBlock(of: matrix, rows) { weight, change, _ in
                    for index in weight.indices { weight[index] += factor * change[index] }
                }
            case .rows(let magnitudes):
                let target = try magnitudes.finiteFloats()
                try Self.forEachBlock(of: matrix, rows) { weight, change, range in
                    Self.decompose(weight, change, term, target[range])
                }
            case .columns(let magnitudes):
                try Self.decomposeColumns(matrix, rows, term, try magnitudes.finiteFloats())
            }
        }
    }

    private static func forEachBlock(
        of matrix: WeightMatrix, _ rows: DeltaRows,
        _ body: (
            _ weight: UnsafeMutableBufferPointer<Float>,
            _ change: UnsafeMutableBufferPointer<Float>, _ rows: Range<Int>
        ) -> Void
    ) throws(SafeTensorsError) {
        let blockRows = min(
            max(blockRowsMin, blockCount / matrix.columnCount), matrix.rowCount)
        let change = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: blockRows * matrix.columnCount)
        defer { change.deallocate() }
        var start = 0
        while start < matrix.rowCount {
            let range = start..<min(start + blockRows, matrix.rowCount)
            let block = UnsafeMutableBufferPointer(
                rebasing: change[..<(range.count * matrix.columnCount)])
            try rows.write(range, into: block)
            body(matrix.rows(range), block, range)
            start = range.upperBound
        }
    }

    /// DoRA by rows, as ComfyUI and LyCORIS' `apply_dora_scale` weigh it:
    /// `W + s·(m·(W + ΔW)/‖W + ΔW‖ − W)`.
    private static func decompose(
        _ weight: UnsafeMutableBufferPointer<Float>,
        _ change: UnsafeMutableBufferPointer<Float>, _ term: Term, _ magnitudes: ArraySlice<Float>
    ) {
        let columns = weight.count / magnitudes.count
        for (row, magnitude) in magnitudes.enumerated() {
            let range = row * columns..<(row + 1) * columns
            var square = 0.0
            for index in range {
                change[index] = weight[index] + term.scale * change[index]
                square += Double(change[index]) * Double(change[index])
            }
            let factor = Self.factor(magnitude, square)
            for index in range {
                weight[index] += term.weight * (factor * change[index] - weight[index])
            }
        }
    }

    /// The same by columns of inputs, in two passes.
    private static func decomposeColumns(
        _ matrix: WeightMatrix, _ rows: DeltaRows, _ term: Term, _ magnitudes: [Float]
    ) throws(SafeTensorsError) {
        let kernel = matrix.columnCount / magnitudes.count
        var squares = [Double](repeating: 0, count: magnitudes.count)
        try forEachBlock(of: matrix, rows) { weight, change, _ in
            for index in weight.indices {
                let value = Double(weight[index] + term.scale * change[index])
                squares[index % matrix.columnCount / kernel] += value * value
            }
        }
        let factors = zip(magnitudes, squares).map { factor($0, $1) }
        try forEachBlock(of: matrix, rows) { weight, change, _ in
            for index in weight.indices {
                let value = weight[index] + term.scale * change[index]
                let factor = factors[index % matrix.columnCount / kernel]
                weight[index] += term.weight * (factor * value - weight[index])
            }
        }
    }

    /// What a row or column is multiplied by; zeros stay zeros.
    private static func factor(_ magnitude: Float, _ square: Double) -> Float {
        square > 0 ? magnitude / Float(square.squareRoot()) : 0
    }
}

/// A weight as the matrix `[outputs, inputs · kernel²]`.
private struct WeightMatrix {
    let values: UnsafeMutableBufferPointer<Float>
    let rowCount: Int
    let columnCount: Int

    init(values: UnsafeMutableBufferPointer<Float>, rowCount: Int, columnCount: Int) {
        precondition(values.count == rowCount * columnCount, "a change of another shape")
        self.values = values
        self.rowCount = rowCount
        self.columnCount = columnCount
    }

    func rows(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(
            rebasing: values[
                (range.lowerBound * columnCount)..<(range.upperBound * columnCount)])
    }
}
