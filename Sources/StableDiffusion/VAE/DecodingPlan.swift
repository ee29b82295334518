// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// How decoding uses memory; the picture is the same with every plan.
package struct DecodingPlan: Sendable, Hashable {
    /// Approximate number of bytes of a feature map computed at a time.
    package var bandByteCount: Int
    /// How many of the finest levels keep no feature maps: their values are recomputed once for
    /// each group norm, trading time for memory.
    package var recomputedLevelCount: Int

    package init(bandByteCount: Int, recomputedLevelCount: Int = 0) {
        precondition(bandByteCount > 0 && recomputedLevelCount >= 0, "a plan without bands")
        self.bandByteCount = bandByteCount
        self.recomputedLevelCount = recomputedLevelCount
    }

    /// Keeps all maps.
    ///
    /// Bands are large enough for every thread to have work, and small enough to be negligible
    /// beside the maps.
    package init(threadCount: Int) {
        self.init(bandByteCount: min(max(threadCount, 2) * Self.bytesPerThread, 256 << 20))
    }

    private static let bytesPerThread = 8 << 20

    /// Lines of a band are a multiple of these: no convolution handles more of them together.
    package static let lineGrain = WinogradTile.greatest.lineCount

    /// The bands of lines in which a map is computed, equal but for the last.
    package func bands(of shape: TensorShape) -> [Range<Int>] {
        let lineByteCount = shape.width * shape.channels * MemoryLayout<Float>.stride
        let grain = Self.lineGrain
        let most = max(bandByteCount / lineByteCount, grain)
        let count = (shape.height + most - 1) / most
        let lines = ((shape.height + count - 1) / count + grain - 1) / grain * grain
        return stride(from: 0, to: shape.height, by: lines).map {
            $0..<min($0 + lines, shape.height)
        }
    }
}
