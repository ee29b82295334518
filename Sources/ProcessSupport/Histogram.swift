// SPDX-License-Identifier: Apache-2.0

/// Counts of values below each of some bounds.
package struct Histogram: Sendable, Equatable {
    /// Upper bounds, increasing; one more bucket holds the rest.
    package let bounds: [Double]
    /// Values in each bucket.
    package private(set) var counts: [Int]
    /// Sum of all values.
    package private(set) var sum = 0.0

    /// No values yet.
    package init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Bounds for durations from milliseconds to minutes.
    package static var seconds: Histogram {
        Histogram(bounds: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
    }

    /// Counts a value, or several equal ones.
    package mutating func add(_ value: Double, count: Int = 1) {
        sum += value * Double(count)
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += count
    }
}
