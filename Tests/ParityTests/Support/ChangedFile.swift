// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// A change of a sound file, and the words of the refusal; none where it loads.
struct ChangedFile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let change: @Sendable (inout TensorFile) -> Void

    init(
        _ name: String, refusedWith words: String...,
        change: @escaping @Sendable (inout TensorFile) -> Void
    ) {
        testDescription = name
        self.words = words
        self.change = change
    }

    /// A file of nothing but these keys.
    init(_ name: String, keys: [String], refusedWith words: String...) {
        testDescription = name
        self.words = words
        change = { file in
            file = TensorFile()
            for key in keys { file[key] = TensorFile.Content([2, 2], [1, 2, 3, 4]) }
        }
    }
}
