// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// Mean and covariance of some pictures' features.
package struct PictureStatistics: Sendable {
    /// Number of pictures.
    package let count: Int
    package let mean: [Double]
    /// Symmetric, row after row.
    package let covariance: [Double]

    /// - Parameters:
    ///   - features: of the pictures, equally long.
    ///   - weights: how often each picture counts; `nil` for once. Two or more in all.
    package init(_ features: [[Float]], weights: [Int]? = nil) {
        let count = weights?.reduce(0, +) ?? features.count
        precondition(count > 1, "the covariance of \(count) pictures")
        precondition(weights.map { $0.count == features.count } ?? true, "a weight per picture")
        let width = features[0].count
        var mean = [Double](repeating: 0, count: width)
        for (index, row) in features.enumerated() {
            let share = Double(weights?[index] ?? 1) / Double(count)
            guard share > 0 else { continue }
            for column in 0..<width { mean[column] += Double(row[column]) * share }
        }
        var covariance = [Double](repeating: 0, count: width * width)
        var centred = [Double](repeating: 0, count: width)
        covariance.withUnsafeMutableBufferPointer { covariance in
            for (index, row) in features.enumerated() {
                let share = Double(weights?[index] ?? 1) / Double(count - 1)
                guard share > 0 else { continue }
                for column in 0..<width { centred[column] = Double(row[column]) - mean[column] }
                centred.withUnsafeBufferPointer { centred in
                    for i in 0..<width {
                        let (scaled, start) = (centred[i] * share, i * width)
                        for j in 0...i { covariance[start + j] += scaled * centred[j] }
                    }
                }
            }
            for i in 0..<width {
                for j in 0..<i { covariance[j * width + i] = covariance[i * width + j] }
            }
        }
        self.count = count
        self.mean = mean
        self.covariance = covariance
    }

    /// Reads the values of a file.
    package init(count: Int, mean: [Double], covariance: [Double]) {
        precondition(covariance.count == mean.count * mean.count, "no covariance of these means")
        self.count = count
        self.mean = mean
        self.covariance = covariance
    }

    /// Reads `reference_mean` and `reference_covariance`.
    ///
    /// - Throws: `SafeTensorsError`, `PictureStatisticsError`.
    init(_ checkpoint: Checkpoint, width: Int, count: Int) throws {
        guard let mean = checkpoint["reference_mean"], mean.shape == [width],
            let covariance = checkpoint["reference_covariance"],
            covariance.shape == [width, width]
        else { throw PictureStatisticsError.missing(directory: checkpoint.directory) }
        self.count = count
        self.mean = try mean.floats().map(Double.init)
        self.covariance = try covariance.floats().map(Double.init)
    }

    /// The squared Fréchet distance of the normal distributions with these statistics:
    /// |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½).
    package func frechetDistance(to other: PictureStatistics) -> Double {
        frechetDistance(to: other, factor: covarianceMatrix.lowerFactor())
    }

    /// The same with the factor of this covariance, which serves many distances.
    func frechetDistance(to other: PictureStatistics, factor: [Double]) -> Double {
        precondition(mean.count == other.mean.count, "features of two widths")
        var distance = zip(mean, other.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        for index in mean.indices {
            let place = index * mean.count + index
            distance += covariance[place] + other.covariance[place]
        }
        // Σ₁ = L·Lᵀ: the product Σ₁ Σ₂ is not symmetric, but Lᵀ Σ₂ L is, with its eigenvalues.
        for value in other.covarianceMatrix.transformed(by: factor).eigenvalues() {
            distance -= 2 * max(0, value).squareRoot()
        }
        return distance
    }

    var covarianceMatrix: SymmetricMatrix { SymmetricMatrix(covariance, width: mean.count) }
}

/// The mini-CLIP's file has no statistics of renders.
enum PictureStatisticsError: Error, CustomStringConvertible {
    case missing(directory: String)

    var description: String {
        switch self {
        case .missing(let directory):
            """
            \(directory)/clip.safetensors has no reference_mean and reference_covariance of the \
            embeddings' width; export it again (scripts/train/train_clip.py)
            """
        }
    }
}
