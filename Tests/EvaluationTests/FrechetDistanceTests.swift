// SPDX-License-Identifier: Apache-2.0

import Evaluation
import TestSupport
import Testing

@Suite("Fréchet distance")
struct FrechetDistanceTests {
    private func features(_ count: Int, width: Int, seed: UInt64, scale: Float = 1) -> [[Float]] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in (0..<width).map { _ in scale * random.normal() } }
    }

    @Test func normalDistributionsOfOneDimensionHaveAClosedForm() {
        // (μ₁ − μ₂)² + (σ₁ − σ₂)².
        let a = PictureStatistics(count: 9, mean: [1], covariance: [4])
        let b = PictureStatistics(count: 9, mean: [3], covariance: [25])
        #expect(abs(a.frechetDistance(to: b) - 13) < 1e-12)
    }

    @Test func commutingCovariancesHaveAClosedForm() {
        let variances = [(1.0, 9.0), (4, 4), (16, 1)]
        func diagonal(_ values: [Double]) -> [Double] {
            (0..<9).map { $0 % 4 == 0 ? values[$0 / 4] : 0 }
        }
        let a = PictureStatistics(
            count: 9, mean: [0, 0, 0], covariance: diagonal(variances.map(\.0)))
        let b = PictureStatistics(
            count: 9, mean: [0, 2, 0], covariance: diagonal(variances.map(\.1)))
        #expect(abs(a.frechetDistance(to: b) - (4 + 4 + 0 + 9)) < 1e-12)
        #expect(abs(b.frechetDistance(to: a) - 17) < 1e-12)
    }

    /// Of dense covariances, by the trace of a square root that Newton's iteration finds.
    @Test func itIsTheTraceOfASquareRoot() {
        let a = PictureStatistics(features(60, width: 12, seed: 1))
        let b = PictureStatistics(features(60, width: 12, seed: 2, scale: 1.5))
        let root = SquareRoot.of(SquareRoot.product(a.covariance, b.covariance, 12), 12)
        var expected = zip(a.mean, b.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        for i in 0..<12 {
            expected += a.covariance[i * 13] + b.covariance[i * 13] - 2 * root[i * 13]
        }
        #expect(abs(a.frechetDistance(to: b) - expected) < 1e-9 * expected)
        #expect(abs(b.frechetDistance(to: a) - expected) < 1e-9 * expected)
    }

    @Test func fewerPicturesThanFeaturesAreFine() {
        let few = PictureStatistics(features(5, width: 12, seed: 3))
        #expect(abs(few.frechetDistance(to: few)) < 1e-5)
        let many = PictureStatistics(features(200, width: 12, seed: 4))
        let (there, back) = (few.frechetDistance(to: many), many.frechetDistance(to: few))
        #expect(abs(there - back) < 1e-5 * there)
    }

    /// From products of pictures where there are few, from covariances where there are many.
    @Test(arguments: [7, 12, 13, 40])
    func resamplesHaveTheDistancesOfTheirStatistics(count: Int) {
        let reference = PictureStatistics(features(90, width: 12, seed: 6, scale: 2))
        let rows = features(count, width: 12, seed: 7).map { row in row.map { $0 + 3 } }
        let weights = Bootstrap(count: count, replicates: 5, seed: 8).weights
        let distances = FrechetReference(reference).distances(of: rows, weights: weights)
        for (distance, weights) in zip(distances, weights) {
            let expected = reference.frechetDistance(to: PictureStatistics(rows, weights: weights))
            #expect(abs(distance - expected) < 1e-6 * expected)
        }
        let whole = FrechetReference(reference).distance(of: rows)
        let expected = PictureStatistics(rows).frechetDistance(to: reference)
        #expect(abs(whole - expected) < 1e-6 * expected)
    }

    @Test func weightsCountPicturesSeveralTimes() {
        let rows = features(4, width: 3, seed: 5)
        let weighted = PictureStatistics(rows, weights: [2, 0, 1, 3])
        let repeated = PictureStatistics([rows[0], rows[0], rows[2], rows[3], rows[3], rows[3]])
        #expect(weighted.count == 6)
        for (one, other) in zip(weighted.covariance, repeated.covariance) {
            #expect(abs(one - other) < 1e-12)
        }
        for (one, other) in zip(weighted.mean, repeated.mean) { #expect(abs(one - other) < 1e-12) }
    }
}

/// The square root of a matrix, by Denman's and Beavers' iteration, as a second way.
private enum SquareRoot {
    static func product(_ a: [Double], _ b: [Double], _ n: Int) -> [Double] {
        (0..<n * n).map { place in
            (0..<n).reduce(0) { $0 + a[place / n * n + $1] * b[$1 * n + place % n] }
        }
    }

    static func of(_ matrix: [Double], _ n: Int) -> [Double] {
        var y = matrix
        var z = (0..<n * n).map { $0 % (n + 1) == 0 ? 1.0 : 0 }
        for _ in 0..<60 {
            let (inverseZ, inverseY) = (inverse(z, n), inverse(y, n))
            y = zip(y, inverseZ).map { ($0 + $1) / 2 }
            z = zip(z, inverseY).map { ($0 + $1) / 2 }
        }
        return y
    }

    /// By Gauss's and Jordan's elimination.
    private static func inverse(_ matrix: [Double], _ n: Int) -> [Double] {
        var left = (0..<n).map { Array(matrix[$0 * n..<($0 + 1) * n]) }
        var right = (0..<n).map { row in (0..<n).map { $0 == row ? 1.0 : 0 } }
        for column in 0..<n {
            let pivot = (column..<n).max { abs(left[$0][column]) < abs(left[$1][column]) } ?? column
            left.swapAt(column, pivot)
            right.swapAt(column, pivot)
            let scale = 1 / left[column][column]
            left[column] = left[column].map { $0 * scale }
            right[column] = right[column].map { $0 * scale }
            for row in 0..<n where row != column {
                let share = left[row][column]
                left[row] = zip(left[row], left[column]).map { $0 - share * $1 }
                right[row] = zip(right[row], right[column]).map { $0 - share * $1 }
            }
        }
        return right.flatMap { $0 }
    }
}
