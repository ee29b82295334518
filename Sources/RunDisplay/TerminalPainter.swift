// SPDX-License-Identifier: Apache-2.0

/// Keeps a block of lines at the bottom of a terminal up to date, as text to send to it.
///
/// Every frame overwrites the one before, line by line, without clearing first: nothing flickers.
/// The cursor always rests on the line below the block, so that whatever ends the process leaves a
/// usable terminal.
package struct TerminalPainter: Sendable {
    private let usesColor: Bool
    /// Columns of every line that is on the screen now.
    private var paintedColumnCounts: [Int] = []

    /// Nothing is painted yet.
    package init(usesColor: Bool) { self.usesColor = usesColor }

    /// The text that replaces the block by `lines`.
    ///
    /// - Parameters:
    ///   - lines: The new block.
    ///   - columns: Width of the terminal now; it may have changed since the last frame.
    package mutating func paint(_ lines: [StyledLine], columns: Int) -> String {
        // One column stays free: some terminals wrap when the last one is filled.
        let width = max(1, columns - 1)
        var text = begin + moveToTop(columns: columns)
        for line in lines {
            text += line.rendered(width: width, usesColor: usesColor) + "\u{1B}[K\n"
        }
        // Whatever is left of a taller block.
        text += "\u{1B}[J" + end
        paintedColumnCounts = lines.map { min($0.columnCount, width) }
        return text
    }

    /// The text that puts lasting lines above the block; the block must be painted anew after it.
    package mutating func insertAbove(_ lines: [StyledLine], columns: Int) -> String {
        var text = erase(columns: columns)
        for line in lines { text += line.rendered(width: .max, usesColor: usesColor) + "\n" }
        return text
    }

    /// The text that takes the block away.
    package mutating func erase(columns: Int) -> String {
        let text = moveToTop(columns: columns) + "\u{1B}[J"
        paintedColumnCounts = []
        return text
    }

    /// Back to the block's first line.
    ///
    /// A terminal made narrower has wrapped the lines meanwhile.
    private func moveToTop(columns: Int) -> String {
        let rows = paintedColumnCounts.reduce(0) { sum, count in
            sum + max(1, (count + columns - 1) / max(1, columns))
        }
        return rows > 0 ? "\r\u{1B}[\(rows)A" : "\r"
    }

    /// Synchronized update: terminals that know it show the frame at once, others ignore it.
    private var begin: String { "\u{1B}[?2026h" }
    private var end: String { "\u{1B}[?2026l" }
}
