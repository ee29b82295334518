// SPDX-License-Identifier: Apache-2.0

extension TokenMergePlan {
    /// Tokens of one merged row, destination first; for reports and tests.
    package func members(ofRow row: Int, part: Int = 0) -> [Int] {
        precondition(row >= 0 && row < layout.mergedCount, "row \(row) of \(layout.mergedCount)")
        return withIndices(part: part) { indices in
            (Int(indices.offsets[row])..<Int(indices.offsets[row + 1])).map {
                Int(indices.members[$0])
            }
        }
    }

    /// The merged row that each token reads back.
    package func mergedRows(part: Int = 0) -> [Int] {
        withIndices(part: part) { indices in
            (0..<layout.tokenCount).map { Int(indices.slots[$0]) }
        }
    }

    /// Address of the indices: unchanged as long as nothing was allocated.
    package var storageAddress: UInt {
        withIndices(part: 0) { UInt(bitPattern: $0.members) }
    }

    /// Whether two plans have the same shape and indices.
    package func isIdentical(to other: TokenMergePlan) -> Bool {
        guard layout == other.layout, alpha == other.alpha else { return false }
        return (0..<layout.partCount).allSatisfy { part in
            mergedRows(part: part) == other.mergedRows(part: part)
                && (0..<layout.mergedCount).allSatisfy {
                    members(ofRow: $0, part: part) == other.members(ofRow: $0, part: part)
                }
        }
    }
}
