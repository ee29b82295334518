// SPDX-License-Identifier: Apache-2.0

/// All products of two sets of rows, for methods that compare every pair of tokens.
///
/// A pipeline may supply a faster implementation; `PortableTokenProducts` needs no library.
package protocol TokenProducts: Sendable {
    /// `output[i, j] = left[i] · right[j]`, f32.
    ///
    /// May be called on several threads concurrently.
    /// - Parameters:
    ///   - left: `[leftCount, depth]`, contiguous.
    ///   - right: `[rightCount, depth]`, contiguous.
    ///   - depth: a multiple of 4.
    ///   - output: `[leftCount, rightCount]`, rows `outputStride` apart.
    func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int)
}

/// Products with the vector types of the language: the same bits on every processor.
package struct PortableTokenProducts: TokenProducts {
    package init() {}

    /// Iterates over `right` in blocks that stay in the first-level cache.
    package func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        precondition(depth.isMultiple(of: 4), "rows of \(depth) values")
        let block = max(32 * 1024 / (4 * depth) / 4 * 4, 4)
        for blockStart in stride(from: 0, to: rightCount, by: block) {
            let blockEnd = min(blockStart + block, rightCount)
            var l = 0
            while l < leftCount {
                let isWide = l + 3 <= leftCount
                var r = blockStart
                while isWide, r + 4 <= blockEnd {
                    multiplyTile(
                        left + l * depth, right + r * depth, depth,
                        output + (l * outputStride + r), outputStride)
                    r += 4
                }
                let height = isWide ? 3 : 1
                for row in l..<(l + height) {
                    for column in r..<blockEnd {
                        output[row * outputStride + column] = dot(
                            left + row * depth, right + column * depth, depth)
                    }
                }
                l += height
            }
        }
    }

    private func dot(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ depth: Int
    ) -> Float {
        let (a, b) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        var sums = SIMD4<Float>.zero
        var offset = 0
        while offset < 4 * depth {
            sums += load(a, offset) * load(b, offset)
            offset += 16
        }
        return sums.sum()
    }

    /// Three rows times four: 12 sums stay in registers, each value is read once.
    private func multiplyTile(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ depth: Int,
        _ output: UnsafeMutablePointer<Float>, _ outputStride: Int
    ) {
        let a = UnsafeRawPointer(left)
        let b = UnsafeRawPointer(right)
        let row = 4 * depth
        let zero = SIMD4<Float>.zero
        var (s00, s01, s02, s03) = (zero, zero, zero, zero)
        var (s10, s11, s12, s13) = (zero, zero, zero, zero)
        var (s20, s21, s22, s23) = (zero, zero, zero, zero)
        var offset = 0
        while offset < row {
            let (x0, x1, x2) = (load(a, offset), load(a, row + offset), load(a, 2 * row + offset))
            var y = load(b, offset)
            s00 += x0 * y
            s10 += x1 * y
            s20 += x2 * y
            y = load(b, row + offset)
            s01 += x0 * y
            s11 += x1 * y
            s21 += x2 * y
            y = load(b, 2 * row + offset)
            s02 += x0 * y
            s12 += x1 * y
            s22 += x2 * y
            y = load(b, 3 * row + offset)
            s03 += x0 * y
            s13 += x1 * y
            s23 += x2 * y
            offset &+= 16
        }
        store(s00, s01, s02, s03, output)
        store(s10, s11, s12, s13, output + outputStride)
        store(s20, s21, s22, s23, output + 2 * outputStride)
    }

    @inline(__always)
    private func load(_ base: UnsafeRawPointer, _ offset: Int) -> SIMD4<Float> {
        base.loadUnaligned(fromByteOffset: offset, as: SIMD4<Float>.self)
    }

    @inline(__always)
    private func store(
        _ a: SIMD4<Float>, _ b: SIMD4<Float>, _ c: SIMD4<Float>, _ d: SIMD4<Float>,
        _ output: UnsafeMutablePointer<Float>
    ) {
        output[0] = a.sum()
        output[1] = b.sum()
        output[2] = c.sum()
        output[3] = d.sum()
    }
}
