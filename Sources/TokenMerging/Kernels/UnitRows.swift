// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// The tokens of one sample in a given order, scaled to norm 1, f32, padded with zeros to whole
/// vectors.
struct UnitRows {
    let base: UnsafeMutablePointer<Float>
    /// Values from one row to the next, a multiple of 4.
    let depth: Int

    static func byteCount(tokenCount: Int, channels: Int) -> Int {
        TokenMergeScratch.byteCount(Float.self, tokenCount * ((channels + 3) / 4 * 4))
    }

    init(_ features: TokenFeatures, _ scratch: TokenMergeScratch) {
        depth = (features.channels + 3) / 4 * 4
        base = scratch.take(Float.self, features.tokenCount * depth)
    }

    /// Reads and scales tokens of one sample into the rows from `start` on.
    func load(
        _ features: TokenFeatures, sample: Int, tokens: UnsafePointer<Int32>, count: Int,
        start: Int = 0
    ) {
        let tokens = UnsafeBufferPointer(start: tokens, count: count)
        switch features.elementType {
        case .float32: load(Float32Row.self, features, sample, tokens, start)
        case .bfloat16: load(BFloat16Row.self, features, sample, tokens, start)
        }
    }

    private func load<Element: RowElement>(
        _ element: Element.Type, _ features: TokenFeatures, _ sample: Int,
        _ tokens: UnsafeBufferPointer<Int32>, _ start: Int
    ) {
        let rows = RowSimilarity<Element>(channels: features.channels)
        var target = base + start * depth
        for token in tokens {
            let row = features.row(sample: sample, token: Int(token))
            let scale = Float(rows.inverseNorm(row))
            for channel in 0..<features.channels {
                target[channel] = Element.load(row, channel) * scale
            }
            for channel in features.channels..<depth { target[channel] = 0 }
            target += depth
        }
    }

    subscript(row: Int) -> UnsafePointer<Float> { UnsafePointer(base + row * depth) }
}
