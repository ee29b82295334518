// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Finds the factors of previews by least squares from latents and their pictures.
package struct PreviewFit: Sendable {
    /// Pictures after which more change nothing that anybody would see.
    package static let pictureCountMax = 8
    /// Weight of what was known before, in latents.
    private static let priorWeight = 4.0

    /// Pictures so far.
    package private(set) var pictureCount = 0
    private let prior: PreviewFactors
    /// The normal equations: terms by terms, and terms by colours.
    private var products: [Double]
    private var targets: [Double]

    /// No picture yet.
    package init(channels: Int) {
        prior = PreviewFactors(channels: channels)
        let count = prior.termCount
        products = [Double](repeating: 0, count: count * count)
        targets = [Double](repeating: 0, count: 3 * count)
    }

    /// Whether more pictures are of use.
    package var isComplete: Bool { pictureCount >= Self.pictureCountMax }

    /// Learns from a picture; from none whose size is no multiple of its latents'.
    package mutating func add(_ latents: GeneratedLatents, _ image: RGBImage) {
        guard latents.channels == prior.channels, latents.height > 0, latents.width > 0,
            image.width.isMultiple(of: latents.width), image.height.isMultiple(of: latents.height),
            image.width / latents.width == image.height / latents.height,
            latents.values.allSatisfy(\.isFinite)
        else { return }
        let scale = image.width / latents.width
        let count = prior.termCount
        var terms = [Float](repeating: 1, count: count)
        for row in 0..<latents.height {
            for column in 0..<latents.width {
                PreviewFactors.gather(latents, row, column, into: &terms)
                let colours = Self.mean(of: image, row * scale, column * scale, scale)
                for i in 0..<count {
                    let term = Double(terms[i])
                    for j in 0...i { products[i * count + j] += term * Double(terms[j]) }
                    for colour in 0..<3 { targets[colour * count + i] += term * colours[colour] }
                }
            }
        }
        pictureCount += 1
    }

    /// The mean colour of a square, each from -1 to 1.
    private static func mean(
        of image: RGBImage, _ top: Int, _ left: Int, _ side: Int
    ) -> [Double] {
        var sums = [0, 0, 0]
        for row in top..<top + side {
            for column in left..<left + side {
                let offset = 3 * (row * image.width + column)
                for colour in 0..<3 { sums[colour] += Int(image.bytes[offset + colour]) }
            }
        }
        return sums.map { Double($0) / Double(side * side) / 127.5 - 1 }
    }

    /// The best factors so far: ridge regression towards what was known before.
    package var factors: PreviewFactors {
        let count = prior.termCount
        var matrix = products
        for i in 0..<count { matrix[i * count + i] += Self.priorWeight }
        Self.factorize(&matrix, count)
        var weights: [Float] = []
        for colour in 0..<3 {
            let known = prior.weights[colour * count..<(colour + 1) * count]
            let target = zip(targets[colour * count..<(colour + 1) * count], known).map {
                $0 + Self.priorWeight * Double($1)
            }
            weights += Self.solve(matrix, target).map { Float($0) }
        }
        return PreviewFactors(channels: prior.channels, weights: weights)
    }

    /// Cholesky's factor in place of the lower triangle; the matrix is positive definite, by the
    /// prior.
    private static func factorize(_ matrix: inout [Double], _ count: Int) {
        for i in 0..<count {
            for j in 0...i {
                var sum = matrix[i * count + j]
                for k in 0..<j { sum -= matrix[i * count + k] * matrix[j * count + k] }
                matrix[i * count + j] =
                    i == j ? max(sum, 1e-12).squareRoot() : sum / matrix[j * count + j]
            }
        }
    }

    private static func solve(_ factor: [Double], _ target: [Double]) -> [Double] {
        let count = target.count
        var result = target
        for i in 0..<count {
            for k in 0..<i { result[i] -= factor[i * count + k] * result[k] }
            result[i] /= factor[i * count + i]
        }
        for i in (0..<count).reversed() {
            for k in i + 1..<count { result[i] -= factor[k * count + i] * result[k] }
            result[i] /= factor[i * count + i]
        }
        return result
    }
}
