// SPDX-License-Identifier: Apache-2.0

/// A symmetric matrix, positive semidefinite where it is factored.
struct SymmetricMatrix {
    let width: Int
    /// Row after row.
    private(set) var values: [Double]

    init(_ values: [Double], width: Int) {
        precondition(values.count == width * width, "\(values.count) values for a side of \(width)")
        self.values = values
        self.width = width
    }

    /// L of L·Lᵀ, lower triangular, row after row (Cholesky).
    ///
    /// A pivot of zero but for rounding, as fewer pictures than values give, makes a column of
    /// zeros.
    func lowerFactor() -> [Double] {
        var factor = values
        let smallest = (0..<width).reduce(0) { max($0, values[$1 * width + $1]) } * 1e-13
        factor.withUnsafeMutableBufferPointer { factor in
            for row in 0..<width {
                let own = row * width
                for column in 0...row {
                    let other = column * width
                    var sum = factor[own + column]
                    for k in 0..<column { sum -= factor[own + k] * factor[other + k] }
                    if row == column {
                        factor[own + row] = sum > smallest ? sum.squareRoot() : 0
                    } else {
                        let pivot = factor[other + column]
                        factor[own + column] = pivot > 0 ? sum / pivot : 0
                    }
                }
                for column in row + 1..<width { factor[own + column] = 0 }
            }
        }
        return factor
    }

    /// Lᵀ·self·L for a lower triangular L.
    func transformed(by factor: [Double]) -> SymmetricMatrix {
        // self·L, then Lᵀ of it; inner loops run along rows.
        var right = [Double](repeating: 0, count: width * width)
        var result = right
        right.withUnsafeMutableBufferPointer { right in
            for i in 0..<width {
                for k in 0..<width {
                    let value = values[i * width + k]
                    let (target, source) = (i * width, k * width)
                    for j in 0...k { right[target + j] += value * factor[source + j] }
                }
            }
        }
        result.withUnsafeMutableBufferPointer { result in
            for k in 0..<width {
                for i in 0...k {
                    let value = factor[k * width + i]
                    guard value != 0 else { continue }
                    let (target, source) = (i * width, k * width)
                    for j in 0..<width { result[target + j] += value * right[source + j] }
                }
            }
        }
        return SymmetricMatrix(result, width: width)
    }

    /// All eigenvalues, in no order: Householder's tridiagonal form, then QL steps with implicit
    /// shifts (`tred1` and `imtql1` of EISPACK).
    func eigenvalues() -> [Double] {
        var (diagonal, beside) = tridiagonal()
        Self.diagonalise(&diagonal, &beside)
        return diagonal
    }

    /// The diagonal, and the values beside it followed by a zero, of a tridiagonal matrix with the
    /// same eigenvalues.
    private func tridiagonal() -> (diagonal: [Double], beside: [Double]) {
        var matrix = values
        var beside = [Double](repeating: 0, count: width)
        var v = beside
        var w = beside
        matrix.withUnsafeMutableBufferPointer { matrix in
            for column in 0..<max(0, width - 2) {
                let rest = column + 1..<width
                let norm = rest.reduce(0) {
                    $0 + matrix[column * width + $1] * matrix[column * width + $1]
                }
                .squareRoot()
                guard norm > 0 else { continue }
                let first = matrix[column * width + column + 1]
                let reflected = first > 0 ? -norm : norm
                beside[column] = reflected
                for i in rest { v[i] = matrix[column * width + i] }
                v[column + 1] -= reflected
                // vᵀv / 2.
                let half = norm * (norm + first.magnitude)
                var product = 0.0
                for i in rest {
                    var sum = 0.0
                    let row = i * width
                    for j in rest { sum += matrix[row + j] * v[j] }
                    w[i] = sum / half
                    product += w[i] * v[i]
                }
                let share = product / (2 * half)
                for i in rest { w[i] -= share * v[i] }
                for i in rest {
                    let (vi, wi, row) = (v[i], w[i], i * width)
                    for j in rest { matrix[row + j] -= vi * w[j] + wi * v[j] }
                }
            }
        }
        if width > 1 { beside[width - 2] = matrix[(width - 1) * width + width - 2] }
        return ((0..<width).map { matrix[$0 * width + $0] }, beside)
    }

    private static func diagonalise(_ diagonal: inout [Double], _ beside: inout [Double]) {
        let count = diagonal.count
        for start in 0..<count {
            // Three steps are usual; the bound only stops on NaN.
            for _ in 0..<60 {
                var end = start
                while end < count - 1 {
                    let size = diagonal[end].magnitude + diagonal[end + 1].magnitude
                    if beside[end].magnitude <= 1e-16 * size { break }
                    end += 1
                }
                guard end > start else { break }
                step(&diagonal, &beside, start, end)
            }
        }
    }

    /// One QL step on the rows `start...end`.
    private static func step(
        _ diagonal: inout [Double], _ beside: inout [Double], _ start: Int, _ end: Int
    ) {
        var g = (diagonal[start + 1] - diagonal[start]) / (2 * beside[start])
        var r = (g * g + 1).squareRoot()
        g = diagonal[end] - diagonal[start] + beside[start] / (g + (g < 0 ? -r : r))
        var (sine, cosine, shift) = (1.0, 1.0, 0.0)
        for i in (start..<end).reversed() {
            let f = sine * beside[i]
            let b = cosine * beside[i]
            r = (f * f + g * g).squareRoot()
            beside[i + 1] = r
            guard r > 0 else {
                diagonal[i + 1] -= shift
                beside[end] = 0
                return
            }
            (sine, cosine) = (f / r, g / r)
            g = diagonal[i + 1] - shift
            r = (diagonal[i] - g) * sine + 2 * cosine * b
            shift = sine * r
            diagonal[i + 1] = g + shift
            g = cosine * r - b
        }
        diagonal[start] -= shift
        beside[start] = g
        beside[end] = 0
    }
}
