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

    /// The merged row from which each token is restored.
    package func mergedRows(part: Int = 0) -> [Int] {
        withIndices(part: part) { indices in
            (0..<layout.tokenCount).map { Int(indices.slots[$0]) }
        }
    }
}
