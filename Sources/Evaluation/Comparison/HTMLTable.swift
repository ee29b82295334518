// SPDX-License-Identifier: Apache-2.0

import Runs

/// A table of HTML in the gallery's style.
enum HTMLTable {
    /// The first column flush left, the others flush right.
    static func text(_ heads: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String], _ tag: String) -> String {
            let cells = cells.enumerated().map { index, cell in
                "<\(tag)\(index > 0 ? " class=\"number\"" : "")>\(HTMLText.escaped(cell))</\(tag)>"
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return """
            <div class="scroll"><table>
            \(([line(heads, "th")] + rows.map { line($0, "td") }).joined(separator: "\n"))
            </table></div>
            """
    }
}
