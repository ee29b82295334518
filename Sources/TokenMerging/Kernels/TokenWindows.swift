// SPDX-License-Identifier: Apache-2.0

/// The division of a map into square windows, from the top left; those at the right and bottom
/// edges are smaller if the side does not divide the map.
///
/// A shift moves the map cyclically under the windows, as in Swin: token (x, y) is where
/// (x + shift, y + shift) would be without it. Window sizes, and so all shapes, stay the same.
struct TokenWindows {
    let grid: TokenGrid
    /// Side of a window, at most the longer side of the map.
    let side: Int
    let shift: Int
    let columns: Int
    let rows: Int

    /// - Parameter isShifted: whether the map is shifted under the windows by half a side.
    init(grid: TokenGrid, side: Int, isShifted: Bool = false) {
        precondition(side > 0, "windows of side \(side)")
        self.grid = grid
        self.side = min(side, max(grid.height, grid.width))
        shift = isShifted ? self.side / 2 : 0
        columns = (grid.width + self.side - 1) / self.side
        rows = (grid.height + self.side - 1) / self.side
    }

    /// |𝒲|.
    var count: Int { columns * rows }

    /// N_W, tokens of one window.
    func tokenCount(of window: Int) -> Int {
        let (row, column) = window.quotientAndRemainder(dividingBy: columns)
        return min(side, grid.height - row * side) * min(side, grid.width - column * side)
    }

    /// Tokens of the largest window.
    var tokenCountMax: Int { min(side, grid.height) * min(side, grid.width) }

    /// Writes the tokens of one window, row by row; returns how many.
    func tokens(of window: Int, into tokens: UnsafeMutablePointer<Int32>) -> Int {
        let (row, column) = window.quotientAndRemainder(dividingBy: columns)
        var count = 0
        for y in (row * side)..<min((row + 1) * side, grid.height) {
            let sourceRow = (y + shift) % grid.height * grid.width
            for x in (column * side)..<min((column + 1) * side, grid.width) {
                tokens[count] = Int32(truncatingIfNeeded: sourceRow + (x + shift) % grid.width)
                count += 1
            }
        }
        return count
    }

    /// Calls `body` with N_W of each class of equal windows, and the number of such windows.
    func forEachClass(_ body: (_ tokenCount: Int, _ windowCount: Int) -> Void) {
        let (fullRows, lastHeight) = grid.height.quotientAndRemainder(dividingBy: side)
        let (fullColumns, lastWidth) = grid.width.quotientAndRemainder(dividingBy: side)
        for (height, rows) in [(side, fullRows), (lastHeight, 1)] where height * rows > 0 {
            for (width, columns) in [(side, fullColumns), (lastWidth, 1)] where width * columns > 0
            {
                body(height * width, rows * columns)
            }
        }
    }
}
