// SPDX-License-Identifier: Apache-2.0

extension TerminalText {
    /// Lines of cells in columns, the first column flush left, the others flush right.
    ///
    /// - Parameter lines: all with the same number of cells.
    package static func table(_ lines: [[String]]) -> String {
        let widths = (lines.first ?? []).indices.map { column in
            lines.map { columnCount($0[column]) }.max() ?? 0
        }
        return lines.map { line in
            line.indices.map { column in
                padded(line[column], width: widths[column], atStart: column > 0)
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
