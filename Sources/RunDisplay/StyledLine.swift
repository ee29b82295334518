// SPDX-License-Identifier: Apache-2.0

import Requests

/// One line of a terminal: pieces of text, each with its looks.
package struct StyledLine: Sendable, Equatable {
    /// How a piece looks.
    package enum Look: Sendable {
        case plain, bold, dim, accent, good, bad

        /// ECMA-48's select graphic rendition.
        var code: String {
            switch self {
            case .plain: ""
            case .bold: "\u{1B}[1m"
            case .dim: "\u{1B}[2m"
            case .accent: "\u{1B}[36m"
            case .good: "\u{1B}[32m"
            case .bad: "\u{1B}[31m"
            }
        }
    }

    private var pieces: [(text: String, look: Look)] = []

    /// An empty line.
    package init() {}

    /// Adds a piece; control characters are taken out.
    package mutating func add(_ text: String, _ look: Look = .plain) {
        pieces.append((TerminalText.sanitized(text), look))
    }

    /// Adds the pieces of another line.
    package mutating func append(_ other: StyledLine) { pieces += other.pieces }

    /// Columns of the whole line.
    package var columnCount: Int {
        pieces.reduce(0) { $0 + TerminalText.columnCount($1.text) }
    }

    /// The line without looks.
    package var text: String { pieces.map(\.text).joined() }

    /// The line as bytes for the terminal, cut to `width` columns.
    package func rendered(width: Int, usesColor: Bool) -> String {
        var result = ""
        var room = width
        for (text, look) in pieces where room > 0 {
            let shown = TerminalText.truncated(text, width: room)
            room -= TerminalText.columnCount(shown)
            let isStyled = usesColor && look != .plain && !shown.isEmpty
            result += isStyled ? look.code + shown + "\u{1B}[0m" : shown
        }
        return result
    }

    package static func == (left: StyledLine, right: StyledLine) -> Bool {
        left.pieces.elementsEqual(right.pieces) { $0 == $1 }
    }
}
