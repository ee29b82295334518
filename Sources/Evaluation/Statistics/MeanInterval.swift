// SPDX-License-Identifier: Apache-2.0

/// The mean of some measurements with its 95 % confidence interval, by Student's t.
package struct MeanInterval: Sendable, Hashable {
    /// Measurements.
    package let count: Int
    package let mean: Double
    /// Half the width of the interval; NaN for fewer than two measurements.
    package let halfWidth: Double

    /// The half width to show; NaN for fewer than `countMin` measurements.
    package var shownHalfWidth: Double { count < Self.countMin ? .nan : halfWidth }

    /// Fewest measurements whose interval is worth showing: of two, Student's t makes it 13 standard
    /// errors wide.
    package static let countMin = 5

    /// - Parameter values: at least one; an infinite one makes the mean infinite.
    package init(_ values: [Double]) {
        precondition(!values.isEmpty, "the mean of nothing")
        count = values.count
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        guard values.count > 1, mean.isFinite else {
            halfWidth = .nan
            return
        }
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let variance = squares / Double(values.count - 1)
        halfWidth =
            Self.quantile(degreesOfFreedom: values.count - 1)
            * (variance / Double(values.count)).squareRoot()
    }

    /// t with 97.5 % of Student's distribution below it.
    ///
    /// A table where the series is too coarse, then the expansion of Abramowitz and Stegun 26.7.5,
    /// accurate to 0.001.
    package static func quantile(degreesOfFreedom: Int) -> Double {
        precondition(degreesOfFreedom > 0, "no degrees of freedom")
        let first = [12.706, 4.303, 3.182, 2.776, 2.571]
        guard degreesOfFreedom > first.count else { return first[degreesOfFreedom - 1] }
        let x = 1.959_964
        let n = Double(degreesOfFreedom)
        let (x3, x5, x7) = (x * x * x, x * x * x * x * x, x * x * x * x * x * x * x)
        let g1 = (x3 + x) / 4
        let g2 = (5 * x5 + 16 * x3 + 3 * x) / 96
        let g3 = (3 * x7 + 19 * x5 + 17 * x3 - 15 * x) / 384
        return x + g1 / n + g2 / (n * n) + g3 / (n * n * n)
    }
}

extension Array where Element == Double {
    /// The middle value; the mean of the two middle ones of an even number.
    package var median: Double {
        precondition(!isEmpty, "the median of nothing")
        let sorted = sorted()
        let middle = count / 2
        return count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
