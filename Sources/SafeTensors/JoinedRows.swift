// SPDX-License-Identifier: Apache-2.0

/// A table with the rows of others behind its own.
package struct JoinedRows: WeightSource {
    package var name: String { first.name }
    package var scalarType: ScalarType { first.scalarType }
    package let shape: [Int]
    private let first: any WeightSource
    private let others: [any WeightSource]

    /// Joins tables; their rows must be as long as the first one's.
    package init(_ first: any WeightSource, _ others: [any WeightSource]) {
        let length = first.shape.dropFirst().reduce(1, *)
        precondition(
            length > 0 && others.allSatisfy { $0.elementCount.isMultiple(of: length) },
            "rows of other lengths")
        self.first = first
        self.others = others
        let added = others.reduce(0) { $0 + $1.elementCount / length }
        shape = [(first.shape.first ?? 0) + added] + first.shape.dropFirst()
    }

    package func read(
        from index: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        precondition(index >= 0 && index + target.count <= elementCount, "beyond the rows")
        let wanted = index..<index + target.count
        var start = 0
        for table in [first] + others {
            let own = start..<start + table.elementCount
            let part = own.clamped(to: wanted)
            if !part.isEmpty {
                try table.read(
                    from: part.lowerBound - start,
                    into: UnsafeMutableBufferPointer(
                        rebasing: target[(part.lowerBound - index)..<(part.upperBound - index)]))
            }
            start = own.upperBound
        }
    }
}
