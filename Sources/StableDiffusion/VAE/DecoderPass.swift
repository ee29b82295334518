// SPDX-License-Identifier: Apache-2.0

import Glibc
import TensorKit

/// The decoding of one picture, as seen by its layers.
struct DecoderPass {
    let lane: ComputeLane
    let plan: DecodingPlan
    /// Lines that a convolution may handle together.
    ///
    /// What is computed begins and ends at multiples of them, or at the end of a map: then they are
    /// together whatever the bands.
    let lineGrain: Int

    /// Calls `body` with the lines of each band of a map, top to bottom, each in its own scope.
    ///
    /// Bands depend only on the map's shape and the plan, and begin at multiples of `lineGrain`.
    func forEachBand(of shape: TensorShape, _ body: (Range<Int>) -> Void) {
        for range in plan.bands(of: shape) {
            lane.workspace.scope {
                lane.inParts(ofTokens: shape.tokenCount) { body(range) }
            }
        }
    }

    /// Memory for lines of a map, in the caller's scope.
    func tensor(
        _ range: Range<Int>, of shape: TensorShape, _ type: ElementType = .float32
    ) -> Tensor {
        lane.workspace.tensor(shape.with(height: range.count, width: shape.width), type)
    }

    /// The lines of a map that convolutions need for some lines of their result, from a multiple of
    /// `lineGrain` to another or the end.
    func surroundings(of range: Range<Int>, by count: Int, height: Int) -> Range<Int> {
        let lower = max(range.lowerBound - count, 0) / lineGrain
        let upper = (range.upperBound + count + lineGrain - 1) / lineGrain
        return lower * lineGrain..<min(upper * lineGrain, height)
    }

    /// The input of a convolution for some lines of its result, in the caller's scope: those lines
    /// and one more above and below, zero outside the map.
    ///
    /// - Parameters:
    ///   - shape: the input's whole map.
    ///   - fill: receives the lines that are inside the map, and their destination.
    func convolutionInput(
        for range: Range<Int>, of shape: TensorShape, _ type: ElementType,
        _ fill: (Range<Int>, Tensor) -> Void
    ) -> Tensor {
        let first = range.lowerBound - 1
        let band = tensor(first..<range.upperBound + 1, of: shape, type)
        let inside = max(first, 0)..<min(range.upperBound + 1, shape.height)
        zero(band, 0..<inside.lowerBound - first)
        zero(band, inside.upperBound - first..<band.shape.height)
        lane.workspace.scope {
            fill(inside, band.lines(inside.lowerBound - first..<inside.upperBound - first))
        }
        return band
    }

    /// Clears lines of a band.
    func zero(_ band: Tensor, _ lines: Range<Int>) {
        if lines.isEmpty || lane.isMeasuring { return }
        let target = band.lines(lines)
        memset(target.rawPointer, 0, target.shape.elementCount * target.elementType.byteCount)
    }
}
