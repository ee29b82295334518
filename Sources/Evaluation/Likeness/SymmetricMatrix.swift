// SPDX-License-Identifier: Apache-2.0

/// A small square matrix; must be symmetric for eigenvalues.
struct SymmetricMatrix {
    let width: Int
    /// Row after row.
    private(set) var values: [Double]

    init(_ values: [Double], width: Int) {
        precondition(values.count == width * width, "\(values.count) values for a side of \(width)")
        self.values = values
        self.width = width
    }

    func multiplied(by other: SymmetricMatrix) -> SymmetricMatrix {
        var product = [Double](repeating: 0, count: width * width)
        for i in 0..<width {
            for k in 0..<width {
                let value = values[i * width + k]
                for j in 0..<width { product[i * width + j] += value * other.values[k * width + j] }
            }
        }
        return SymmetricMatrix(product, width: width)
    }

    /// The positive square root; eigenvalues below zero, which only arise from rounding, count as
    /// zero.
    func squareRoot() -> SymmetricMatrix {
        let (eigenvalues, vectors) = eigen()
        var root = [Double](repeating: 0, count: width * width)
        for index in 0..<width {
            let scale = max(0, eigenvalues[index]).squareRoot()
            let vector = vectors[index * width..<(index + 1) * width]
            for (i, x) in vector.enumerated() {
                for (j, y) in vector.enumerated() { root[i * width + j] += scale * x * y }
            }
        }
        return SymmetricMatrix(root, width: width)
    }

    /// Eigenvalues, and their unit vectors, one per row: Jacobi rotations.
    func eigen() -> (values: [Double], vectors: [Double]) {
        var matrix = values
        var vectors = (0..<width * width).map { $0 / width == $0 % width ? 1.0 : 0 }
        let size = values.reduce(0) { $0 + $1 * $1 }
        // Converges quadratically: a few sweeps suffice; the bound only stops on NaN.
        for _ in 0..<50 {
            var rest = 0.0
            for i in 0..<width {
                for j in i + 1..<width { rest += matrix[i * width + j] * matrix[i * width + j] }
            }
            guard rest > size * 1e-28 else { break }
            for p in 0..<width {
                for q in p + 1..<width { Self.rotate(&matrix, &vectors, width, p, q) }
            }
        }
        return ((0..<width).map { matrix[$0 * width + $0] }, vectors)
    }

    /// Makes the entry at (p, q) zero.
    private static func rotate(
        _ matrix: inout [Double], _ vectors: inout [Double], _ width: Int, _ p: Int, _ q: Int
    ) {
        let entry = matrix[p * width + q]
        guard entry != 0 else { return }
        let theta = (matrix[q * width + q] - matrix[p * width + p]) / (2 * entry)
        let tangent = (theta < 0 ? -1 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in 0..<width {
            let (x, y) = (matrix[k * width + p], matrix[k * width + q])
            matrix[k * width + p] = cosine * x - sine * y
            matrix[k * width + q] = sine * x + cosine * y
        }
        for k in 0..<width {
            let (x, y) = (matrix[p * width + k], matrix[q * width + k])
            matrix[p * width + k] = cosine * x - sine * y
            matrix[q * width + k] = sine * x + cosine * y
            let (a, b) = (vectors[p * width + k], vectors[q * width + k])
            vectors[p * width + k] = cosine * a - sine * b
            vectors[q * width + k] = sine * a + cosine * b
        }
    }
}
