// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// The tokens of one sample, scaled to norm 1, f32, padded with zeros to whole vectors.
struct UnitRows {
    let base: UnsafeMutablePointer<Float>
    /// Values from a row to the next, a multiple of 4.
    let stride: Int

    static func byteCount(tokenCount: Int, channels: Int) -> Int {
        TokenMergeScratch.byteCount(Float.self, tokenCount * ((channels + 3) / 4 * 4))
    }

    init(_ features: TokenFeatures, _ scratch: TokenMergeScratch) {
        stride = (features.channels + 3) / 4 * 4
        base = scratch.take(Float.self, features.tokenCount * stride)
    }

    /// Reads and scales the tokens of one sample.
    func load(_ features: TokenFeatures, sample: Int) {
        switch features.elementType {
        case .float32: load(Float32Row.self, features, sample)
        case .bfloat16: load(BFloat16Row.self, features, sample)
        }
    }

    private func load<Element: RowElement>(
        _ element: Element.Type, _ features: TokenFeatures, _ sample: Int
    ) {
        let rows = RowSimilarity<Element>(channels: features.channels)
        for token in 0..<features.tokenCount {
            let row = features.row(sample: sample, token: token)
            let scale = Float(rows.inverseNorm(row))
            let target = base + token * stride
            for channel in 0..<features.channels {
                target[channel] = Element.load(row, channel) * scale
            }
            for channel in features.channels..<stride { target[channel] = 0 }
        }
    }

    subscript(token: Int32) -> UnsafePointer<Float> {
        UnsafePointer(base + Int(token) * stride)
    }

    /// x · y
    func dot(_ left: Int32, _ right: Int32) -> Float {
        let (a, b) = (UnsafeRawPointer(self[left]), UnsafeRawPointer(self[right]))
        var sums = SIMD4<Float>.zero
        for offset in Swift.stride(from: 0, to: 4 * stride, by: 16) {
            sums +=
                a.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
                * b.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
        }
        return sums.sum()
    }

    /// Products of three tokens with four: 12 sums stay in registers, each value is read once per
    /// tile. `body` gets the positions in the two lists.
    @inline(__always)
    func forEachProduct(
        _ left: UnsafePointer<Int32>, _ right: UnsafePointer<Int32>,
        _ body: (_ left: Int, _ right: Int, _ product: Float) -> Void
    ) {
        let (a0, a1, a2) = (
            UnsafeRawPointer(self[left[0]]), UnsafeRawPointer(self[left[1]]),
            UnsafeRawPointer(self[left[2]])
        )
        let (b0, b1, b2, b3) = (
            UnsafeRawPointer(self[right[0]]), UnsafeRawPointer(self[right[1]]),
            UnsafeRawPointer(self[right[2]]), UnsafeRawPointer(self[right[3]])
        )
        let zero = SIMD4<Float>.zero
        var (s00, s01, s02, s03) = (zero, zero, zero, zero)
        var (s10, s11, s12, s13) = (zero, zero, zero, zero)
        var (s20, s21, s22, s23) = (zero, zero, zero, zero)
        var offset = 0
        while offset < 4 * stride {
            let x0 = a0.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            let x1 = a1.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            let x2 = a2.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            var y = b0.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            s00 += x0 * y
            s10 += x1 * y
            s20 += x2 * y
            y = b1.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            s01 += x0 * y
            s11 += x1 * y
            s21 += x2 * y
            y = b2.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            s02 += x0 * y
            s12 += x1 * y
            s22 += x2 * y
            y = b3.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
            s03 += x0 * y
            s13 += x1 * y
            s23 += x2 * y
            offset += 16
        }
        body(0, 0, s00.sum())
        body(0, 1, s01.sum())
        body(0, 2, s02.sum())
        body(0, 3, s03.sum())
        body(1, 0, s10.sum())
        body(1, 1, s11.sum())
        body(1, 2, s12.sum())
        body(1, 3, s13.sum())
        body(2, 0, s20.sum())
        body(2, 1, s21.sum())
        body(2, 2, s22.sum())
        body(2, 3, s23.sum())
    }

    /// Products of every token in `left` with every token in `right`, the second list in blocks
    /// that stay in the first-level cache; for each token of `left`, `right` comes in order.
    @inline(__always)
    func forEachProduct(
        _ left: UnsafePointer<Int32>, _ leftCount: Int, _ right: UnsafePointer<Int32>,
        _ rightCount: Int, _ body: (_ left: Int, _ right: Int, _ product: Float) -> Void
    ) {
        let block = max(32 * 1024 / (4 * stride) / 4 * 4, 4)
        for blockStart in Swift.stride(from: 0, to: rightCount, by: block) {
            let blockEnd = min(blockStart + block, rightCount)
            var l = 0
            while l + 3 <= leftCount {
                var r = blockStart
                while r + 4 <= blockEnd {
                    forEachProduct(left + l, right + r) { body(l + $0, r + $1, $2) }
                    r += 4
                }
                while r < blockEnd {
                    for i in l..<(l + 3) { body(i, r, dot(left[i], right[r])) }
                    r += 1
                }
                l += 3
            }
            while l < leftCount {
                for r in blockStart..<blockEnd { body(l, r, dot(left[l], right[r])) }
                l += 1
            }
        }
    }
}
