// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// How much guidance changed each place of the latents in the previous step: the mean over channels
/// of |ε_text − ε_uncond|.
package struct TokenImportanceMap: Sendable {
    /// The latents' grid.
    package let grid: TokenGrid
    /// Row by row.
    package private(set) var values: [Float]

    package init(grid: TokenGrid, values: [Float]) {
        precondition(values.count == grid.tokenCount, "\(values.count) values for \(grid)")
        self.grid = grid
        self.values = values
    }

    /// An empty map; `update` fills it.
    package init(grid: TokenGrid) {
        self.init(grid: grid, values: Array(repeating: 0, count: grid.tokenCount))
    }

    /// Computes the map from the two noise predictions of one call, `[1, height, width, channels]`
    /// f32 each.
    package mutating func update(noisePredictionUncond: Tensor, noisePredictionText: Tensor) {
        let shape = noisePredictionUncond.shape
        precondition(
            shape == noisePredictionText.shape && shape.batch == 1 && shape.height == grid.height
                && shape.width == grid.width, "predictions \(shape) for a map of \(grid)")
        for token in 0..<grid.tokenCount {
            let uncond = noisePredictionUncond.floats + token * noisePredictionUncond.rowStride
            let text = noisePredictionText.floats + token * noisePredictionText.rowStride
            var sum: Float = 0
            for channel in 0..<shape.channels { sum += (text[channel] - uncond[channel]).magnitude }
            values[token] = sum / Float(shape.channels)
        }
    }

    /// Writes the map at another size, as `torch.nn.functional.interpolate(mode="area")`, rounded
    /// to multiples of 2⁻¹⁶, so that tokens changed equally by guidance are ordered by index and
    /// not by rounding errors of the predictions.
    func write(resizedTo size: TokenGrid, to output: UnsafeMutablePointer<Double>) {
        for y in 0..<size.height {
            let rows = Self.span(y, of: size.height, over: grid.height)
            for x in 0..<size.width {
                let columns = Self.span(x, of: size.width, over: grid.width)
                var sum = 0.0
                for row in rows {
                    for column in columns { sum += Double(values[row * grid.width + column]) }
                }
                // The spacing of f64 values between 2³⁶ and 2³⁷ is 2⁻¹⁶.
                let mean = sum / Double(rows.count * columns.count)
                output[y * size.width + x] = mean + Self.rounding - Self.rounding
            }
        }
    }

    private static let rounding = 1.5 * Double(1 << 36)

    private static func span(_ index: Int, of count: Int, over size: Int) -> Range<Int> {
        (index * size / count)..<(((index + 1) * size + count - 1) / count)
    }
}
