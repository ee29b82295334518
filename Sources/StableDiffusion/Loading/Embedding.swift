// SPDX-License-Identifier: Apache-2.0

internal import SafeTensors

/// A table of rows, `[rows, channels]`, that stays in its mapped file: a prompt touches a few
/// dozen of its rows, so only their pages are ever in memory.
package struct Embedding: Sendable {
    private let table: StoredTensor?
    /// Rows of the table.
    package let rowCount: Int
    /// Values per row.
    package let channels: Int

    init(table: StoredTensor?, rowCount: Int, channels: Int) {
        self.table = table
        self.rowCount = rowCount
        self.channels = channels
    }

    /// Copies a row as f32.
    package func copyRow(_ index: Int, into target: UnsafeMutablePointer<Float>) {
        precondition(index >= 0 && index < rowCount, "row \(index) of \(rowCount)")
        let row = UnsafeMutableBufferPointer(start: target, count: channels)
        guard let table, (try? table.read(from: index * channels, into: row)) != nil else {
            // The type was checked when the component was loaded.
            preconditionFailure("an embedding without weights")
        }
    }
}
