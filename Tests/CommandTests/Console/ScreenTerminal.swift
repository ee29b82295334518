// SPDX-License-Identifier: Apache-2.0

/// Enough of a terminal to see what a painter's text leaves on the screen.
///
/// It knows wrapping, cursor up, and erasing to the end of line and screen. Everything else that
/// begins with ESC is an error.
struct ScreenTerminal {
    private(set) var columns: Int
    private(set) var lines: [[Character]] = [[]]
    private(set) var row = 0
    private(set) var column = 0
    private(set) var problems: [String] = []

    init(columns: Int) { self.columns = columns }

    /// Lines as text, without trailing blanks.
    var text: [String] {
        var result = lines.map { line in
            String(line).split(separator: " ", omittingEmptySubsequences: false)
                .joined(separator: " ").trimmingTrailingSpaces
        }
        while result.last == "" { result.removeLast() }
        return result
    }

    /// Makes the terminal wider or narrower; lines that no longer fit wrap, as in xterm and VTE.
    mutating func resize(columns: Int) {
        self.columns = columns
        var wrapped: [[Character]] = []
        var newRow = row
        for (index, line) in lines.enumerated() {
            var rest = line[...]
            while rest.last == " " { rest.removeLast() }
            repeat {
                wrapped.append(Array(rest.prefix(columns)))
                rest = rest.dropFirst(columns)
                if !rest.isEmpty && index < row { newRow += 1 }
            } while !rest.isEmpty
        }
        lines = wrapped
        row = newRow
    }

    mutating func send(_ text: String) {
        var rest = text[...]
        while let character = rest.popFirst() {
            switch character {
            case "\u{1B}": escape(&rest)
            case "\r": column = 0
            case "\n", "\r\n":
                column = 0
                move(toRow: row + 1)
            default: put(character)
            }
        }
    }

    private mutating func escape(_ rest: inout Substring) {
        guard rest.popFirst() == "[" else { return problems.append("escape without [") }
        var parameters = ""
        while let character = rest.popFirst() {
            guard character.isLetter else {
                parameters.append(character)
                continue
            }
            switch (character, parameters) {
            case ("A", _): row = max(0, row - (Int(parameters) ?? 1))
            case ("K", ""): lines[row].removeSubrange(min(column, lines[row].count)...)
            case ("J", ""):
                lines[row].removeSubrange(min(column, lines[row].count)...)
                lines.removeSubrange((row + 1)...)
            case ("m", _), ("h", "?2026"), ("l", "?2026"): break
            default: problems.append("unknown sequence \(parameters)\(character)")
            }
            return
        }
    }

    private mutating func put(_ character: Character) {
        if column >= columns {
            column = 0
            move(toRow: row + 1)
        }
        while lines[row].count <= column { lines[row].append(" ") }
        lines[row][column] = character
        column += 1
    }

    private mutating func move(toRow newRow: Int) {
        row = newRow
        while lines.count <= row { lines.append([]) }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
