// SPDX-License-Identifier: Apache-2.0

/// Chooses the steps of one image that the coordinator hears of: each of a slow model, some of a
/// fast one, where a message for each would cost the coordinator more than it tells.
///
/// Pure. The chosen steps are the multiples of a power of two, so that workers about equally fast
/// are last heard of at the same step of an image that ends them; and there are six or more, so that
/// those that end by chance seldom are.
package struct StepReporter {
    /// Reports of an image at least, where it has as many steps.
    private static let reportCountMin = 6

    private let interval: Double
    private let strideMax: Int
    private var stride: Int?
    private var unreportedCount = 0
    private var seconds = 0.0

    /// Begins an image.
    ///
    /// - Parameters:
    ///   - interval: seconds that may pass unreported; 0 for no step.
    ///   - stepCount: steps of the image.
    package init(interval: Double, stepCount: Int) {
        self.interval = interval
        strideMax = interval > 0 ? stepCount / Self.reportCountMin : 1
    }

    /// Notes a step.
    ///
    /// - Parameter seconds: how long it took.
    /// - Returns: seconds per step since the last report, when it is time for one.
    package mutating func report(step: Int, isLast: Bool, seconds: Double) -> Double? {
        unreportedCount += 1
        self.seconds += seconds
        let isDue: Bool
        if let stride {
            // Steps that have become slower must not end the lease.
            isDue = isLast || step.isMultiple(of: stride) || self.seconds >= 4 * interval
        } else {
            stride = largestStride(seconds: seconds)
            isDue = true
        }
        return isDue ? flush() : nil
    }

    /// Reports the step that was noted last; `nil` when it was reported already.
    package mutating func flush() -> Double? {
        guard unreportedCount > 0 else { return nil }
        defer { (unreportedCount, seconds) = (0, 0) }
        return seconds / Double(unreportedCount)
    }

    /// The largest power of two for so many steps of which the interval has room.
    private func largestStride(seconds: Double) -> Int {
        var stride = 1
        while 2 * stride <= strideMax, Double(2 * stride) * seconds <= interval { stride *= 2 }
        return stride
    }
}
