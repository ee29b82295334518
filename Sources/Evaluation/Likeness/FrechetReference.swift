// SPDX-License-Identifier: Apache-2.0

/// Statistics to which the distances of resampled pictures are measured.
package struct FrechetReference: Sendable {
    /// What distances are measured to.
    package let statistics: PictureStatistics

    package init(_ statistics: PictureStatistics) {
        self.statistics = statistics
    }

    /// The squared Fréchet distances (`PictureStatistics.frechetDistance`) of resamples.
    ///
    /// - Parameters:
    ///   - features: of the pictures, each as long as the reference's mean.
    ///   - weights: how often each picture counts, by resample; each two or more in all.
    package func distances(of features: [[Float]], weights: [[Int]]) -> [Double] {
        precondition(features[0].count == statistics.mean.count, "features of two widths")
        // With no more pictures than features a matrix of pictures has all eigenvalues there are.
        if features.count <= statistics.mean.count {
            let products = PictureProducts(of: features, around: statistics)
            return weights.map(products.frechetDistance)
        }
        let factor = statistics.covarianceMatrix.lowerFactor()
        return weights.map {
            statistics.frechetDistance(
                to: PictureStatistics(features, weights: $0), factor: factor)
        }
    }

    /// The distance of the pictures as they are.
    package func distance(of features: [[Float]]) -> Double {
        distances(of: features, weights: [[Int](repeating: 1, count: features.count)])[0]
    }
}

/// What Fréchet distances of resamples of few pictures need: scalar products of the pictures.
///
/// With X the features less the reference's mean, a row each, and a resample's centred rows A
/// (Σ₁ = AᵀA), the eigenvalues of Σ₁ Σ₂ that are not zero are those of A Σ₂ Aᵀ, which is
/// X Σ₂ Xᵀ centred and scaled.
private struct PictureProducts {
    private let count: Int
    /// X Xᵀ, row after row.
    private let plain: [Double]
    /// X Σ₂ Xᵀ.
    private let weighed: [Double]
    /// tr Σ₂.
    private let trace: Double

    init(of features: [[Float]], around reference: PictureStatistics) {
        let (count, width) = (features.count, reference.mean.count)
        let rows = features.map { row in zip(row, reference.mean).map { Double($0) - $1 } }
        var plain = [Double](repeating: 0, count: count * count)
        var weighed = plain
        for i in 0..<count {
            // Σ₂ is symmetric: its rows in place of its columns, so that loops run along rows.
            var image = [Double](repeating: 0, count: width)
            for k in 0..<width {
                let (value, start) = (rows[i][k], k * width)
                for j in 0..<width { image[j] += value * reference.covariance[start + j] }
            }
            for j in 0..<count {
                plain[i * count + j] = Self.product(rows[i], rows[j])
                weighed[i * count + j] = Self.product(image, rows[j])
            }
        }
        self.count = count
        self.plain = plain
        self.weighed = weighed
        trace = (0..<width).reduce(0) { $0 + reference.covariance[$1 * width + $1] }
    }

    func frechetDistance(weights: [Int]) -> Double {
        let total = weights.reduce(0, +)
        precondition(weights.count == count && total > 1, "a weight per picture, two in all")
        let shares = weights.map { Double($0) / Double(total) }
        let present = (0..<count).filter { weights[$0] > 0 }
        // μ₁ − μ₂ = Σ shareᵢ xᵢ; its square, and tr Σ₁ from those of the rows.
        let meanSquare = Self.means(plain, shares, present).whole
        let rowSquares = present.reduce(0) { $0 + shares[$1] * plain[$1 * count + $1] }
        let unbiased = Double(total) / Double(total - 1)
        var distance = meanSquare + trace + unbiased * (rowSquares - meanSquare)

        let (lines, whole) = Self.means(weighed, shares, present)
        var inner: [Double] = []
        inner.reserveCapacity(present.count * present.count)
        for i in present {
            for j in present {
                let centred = weighed[i * count + j] - lines[i] - lines[j] + whole
                inner.append(unbiased * (shares[i] * shares[j]).squareRoot() * centred)
            }
        }
        for value in SymmetricMatrix(inner, width: present.count).eigenvalues() {
            distance -= 2 * max(0, value).squareRoot()
        }
        return distance
    }

    /// The weighted mean of each line of a symmetric matrix that is present, and of all of them.
    private static func means(
        _ matrix: [Double], _ shares: [Double], _ present: [Int]
    ) -> (lines: [Double], whole: Double) {
        var lines = [Double](repeating: 0, count: shares.count)
        for i in present {
            lines[i] = present.reduce(0) { $0 + shares[$1] * matrix[i * shares.count + $1] }
        }
        return (lines, present.reduce(0) { $0 + shares[$1] * lines[$1] })
    }

    private static func product(_ one: [Double], _ other: [Double]) -> Double {
        var sum = 0.0
        for index in one.indices { sum += one[index] * other[index] }
        return sum
    }
}
