// SPDX-License-Identifier: Apache-2.0

/// Norms, sums and products of rows, in f64.
///
/// f64 because a plan is a chain of comparisons: with it the linear-time form orders tokens as the
/// literal one does, on every processor. The loops read memory once and stay bound by it. In
/// `vector`s of f64 the order of channels is that of `RowElement.load16`.
struct RowSimilarity<Element: RowElement> {
    let channels: Int

    /// Smaller norms are raised to this: a zero token has similarity 0 to all.
    static var epsilon: Double { 1e-12 }

    /// 1 / max(‖x‖, ε).
    func inverseNorm(_ row: UnsafeRawPointer) -> Double {
        1 / max(dot(row, row).squareRoot(), Self.epsilon)
    }

    /// x · y of two rows.
    func dot(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Double {
        var sums = SIMD8<Double>.zero
        var index = 0
        while index + 16 <= channels {
            let (a, b) = Element.load16(left, index)
            let (c, d) = Element.load16(right, index)
            sums += widen(a) * widen(c)
            sums += widen(b) * widen(d)
            index += 16
        }
        var sum = sums.sum()
        while index < channels {
            sum += Double(Element.load(left, index)) * Double(Element.load(right, index))
            index += 1
        }
        return sum
    }

    /// x · v of a row and a vector.
    func dot(_ row: UnsafeRawPointer, vector: UnsafePointer<Double>) -> Double {
        let raw = UnsafeRawPointer(vector)
        var sums = SIMD8<Double>.zero
        var index = 0
        while index + 16 <= channels {
            let (a, b) = Element.load16(row, index)
            sums += widen(a) * raw.loadUnaligned(fromByteOffset: 8 * index, as: SIMD8<Double>.self)
            sums +=
                widen(b)
                * raw.loadUnaligned(fromByteOffset: 8 * index + 64, as: SIMD8<Double>.self)
            index += 16
        }
        var sum = sums.sum()
        while index < channels {
            sum += Double(Element.load(row, index)) * vector[index]
            index += 1
        }
        return sum
    }

    /// v += scale · x.
    func add(_ row: UnsafeRawPointer, scale: Double, to vector: UnsafeMutablePointer<Double>) {
        let raw = UnsafeMutableRawPointer(vector)
        var index = 0
        while index + 16 <= channels {
            let (a, b) = Element.load16(row, index)
            let low = raw.loadUnaligned(fromByteOffset: 8 * index, as: SIMD8<Double>.self)
            let high = raw.loadUnaligned(fromByteOffset: 8 * index + 64, as: SIMD8<Double>.self)
            raw.storeBytes(
                of: low + widen(a) * scale, toByteOffset: 8 * index, as: SIMD8<Double>.self)
            raw.storeBytes(
                of: high + widen(b) * scale, toByteOffset: 8 * index + 64, as: SIMD8<Double>.self)
            index += 16
        }
        while index < channels {
            vector[index] += Double(Element.load(row, index)) * scale
            index += 1
        }
    }

    @inline(__always)
    private func widen(_ values: SIMD8<Float>) -> SIMD8<Double> { SIMD8<Double>(values) }
}
