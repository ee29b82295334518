// SPDX-License-Identifier: Apache-2.0

/// Some rows of a weight: one of the products that a file keeps as one.
package struct TensorRows: WeightSource {
    /// The name of the whole.
    package var name: String { whole.name }
    package var scalarType: ScalarType { whole.scalarType }
    package let shape: [Int]
    private let whole: any WeightSource
    private let start: Int

    /// Takes rows, which must be there, of a weight of rank 1 or more.
    package init(_ rows: Range<Int>, of whole: any WeightSource) {
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= whole.shape.first ?? 0,
            "rows \(rows) of \(whole.shape)")
        let rowShape = whole.shape.dropFirst()
        self.whole = whole
        shape = [rows.count] + rowShape
        start = rows.lowerBound * rowShape.reduce(1, *)
    }

    package func read(
        from index: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        precondition(index >= 0 && index + target.count <= elementCount, "beyond the rows")
        try whole.read(from: start + index, into: target)
    }
}
