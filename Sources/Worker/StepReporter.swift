// SPDX-License-Identifier: Apache-2.0

/// Chooses which steps of an image are reported to the coordinator: every step of a slow model,
/// some steps of a fast one, for which a message per step would cost the coordinator more than it
/// is worth.
///
/// Pure. The chosen steps are the multiples of a power of two, so that workers of similar speed are
/// last heard from at the same step of an image that kills them; and there are six or more, so that
/// workers that die by chance rarely are.
package struct StepReporter {
    /// Minimum number of reports per image, if it has as many steps.
    private static let reportCountMin = 6

    private let interval: Double
    private let strideMax: Int
    private var stride: Int?
    private var unreportedCount = 0
    private var seconds = 0.0

    /// Begins an image.
    ///
    /// - Parameters:
    ///   - interval: seconds that may pass unreported; 0 reports every step.
    ///   - stepCount: steps of the image.
    package init(interval: Double, stepCount: Int) {
        self.interval = interval
        strideMax = interval > 0 ? stepCount / Self.reportCountMin : 1
    }

    /// Records a step.
    ///
    /// - Parameter seconds: its duration.
    /// - Returns: seconds per step since the last report, if a report is due.
    package mutating func report(step: Int, isLast: Bool, seconds: Double) -> Double? {
        unreportedCount += 1
        self.seconds += seconds
        let isDue: Bool
        if let stride {
            // Steps that become slower must not end the lease.
            isDue = isLast || step.isMultiple(of: stride) || self.seconds >= 4 * interval
        } else {
            stride = largestStride(seconds: seconds)
            isDue = true
        }
        return isDue ? flush() : nil
    }

    /// Reports the last recorded step; `nil` if it was already reported.
    package mutating func flush() -> Double? {
        guard unreportedCount > 0 else { return nil }
        defer { (unreportedCount, seconds) = (0, 0) }
        return seconds / Double(unreportedCount)
    }

    /// The largest power of two such that so many steps fit in the interval.
    private func largestStride(seconds: Double) -> Int {
        var stride = 1
        while 2 * stride <= strideMax, Double(2 * stride) * seconds <= interval { stride *= 2 }
        return stride
    }
}
