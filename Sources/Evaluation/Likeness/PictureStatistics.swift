// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// Mean and covariance of some pictures' embeddings.
package struct PictureStatistics: Sendable {
    /// Number of pictures.
    package let count: Int
    package let mean: [Double]
    /// Symmetric, row after row.
    package let covariance: [Double]

    /// - Parameter embeddings: of two or more pictures, equally long.
    package init(_ embeddings: [[Float]]) {
        precondition(embeddings.count > 1, "the covariance of \(embeddings.count) pictures")
        let width = embeddings[0].count
        count = embeddings.count
        var mean = [Double](repeating: 0, count: width)
        for row in embeddings {
            for index in 0..<width { mean[index] += Double(row[index]) / Double(embeddings.count) }
        }
        var covariance = [Double](repeating: 0, count: width * width)
        for row in embeddings {
            let centred = (0..<width).map { Double(row[$0]) - mean[$0] }
            for i in 0..<width {
                let scaled = centred[i] / Double(embeddings.count - 1)
                for j in 0..<width { covariance[i * width + j] += scaled * centred[j] }
            }
        }
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
        precondition(mean.count == other.mean.count, "embeddings of two widths")
        let width = mean.count
        var distance = zip(mean, other.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        for index in 0..<width {
            distance += covariance[index * width + index] + other.covariance[index * width + index]
        }
        // The product of two symmetric matrices is not symmetric; √Σ₁ Σ₂ √Σ₁ is, and has the
        // same eigenvalues.
        let root = SymmetricMatrix(covariance, width: width).squareRoot()
        let inner = root.multiplied(by: SymmetricMatrix(other.covariance, width: width))
            .multiplied(by: root)
        for value in inner.eigen().values { distance -= 2 * max(0, value).squareRoot() }
        return distance
    }
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
