// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A table of rows, `[rows, channels]`, that stays in its file: a prompt needs a few dozen of them.
package struct Embedding: Sendable {
    private let table: (any WeightSource)?
    /// Rows of the table.
    package let rowCount: Int
    /// Values per row.
    package let channels: Int

    init(table: (any WeightSource)?, rowCount: Int, channels: Int) {
        self.table = table
        self.rowCount = rowCount
        self.channels = channels
    }

    /// Reads a row as f32.
    ///
    /// - Throws: `SafeTensorsError` when the file was changed since it was opened.
    package func copyRow(_ index: Int, into target: UnsafeMutablePointer<Float>) throws {
        precondition(index >= 0 && index < rowCount, "row \(index) of \(rowCount)")
        guard let table else { preconditionFailure("an embedding without weights") }
        try table.read(
            from: index * channels,
            into: UnsafeMutableBufferPointer(start: target, count: channels))
    }
}
