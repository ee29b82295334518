// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// Cosine similarities of the tokens of one square window, the mean over the halves of a batch, as
/// in the paper's Figure 3.
package struct TokenCosines: Sendable {
    /// N_W, tokens of the window.
    package let side: Int
    /// `[N_W, N_W]`, the tokens row by row.
    package let values: [Double]

    /// - Parameters:
    ///   - features: `[halves, height, width, channels]`, f32.
    ///   - x: the window's first column.
    ///   - y: the window's first row.
    ///   - windowSide: tokens across and down; the window is inside the map.
    package init(_ features: Tensor, x: Int, y: Int, windowSide: Int) {
        let (height, width) = (features.shape.height, features.shape.width)
        precondition(
            x >= 0 && y >= 0 && x + windowSide <= width && y + windowSide <= height,
            "a window of \(windowSide) at (\(x), \(y)) of \(features.shape)")
        side = windowSide * windowSide
        var values = [Double](repeating: 0, count: side * side)
        let channels = features.shape.channels
        for half in 0..<features.shape.batch {
            let base = features.batch(half..<half + 1)
            let rows = (0..<side).map { token in
                let (row, column) = token.quotientAndRemainder(dividingBy: windowSide)
                let start = base.floats + ((y + row) * width + x + column) * base.rowStride
                return Self.unit((0..<channels).map { Double(start[$0]) })
            }
            for first in 0..<side {
                for second in 0..<side {
                    let product = zip(rows[first], rows[second]).reduce(0) { $0 + $1.0 * $1.1 }
                    values[first * side + second] += product / Double(features.shape.batch)
                }
            }
        }
        self.values = values
    }

    private static func unit(_ row: [Double]) -> [Double] {
        let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return row.map { $0 / max(norm, 1e-12) }
    }
}
