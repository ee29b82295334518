// SPDX-License-Identifier: Apache-2.0

/// Chooses the steps of one image that the coordinator hears of: each of a slow model, some of a
/// fast one, where a message for each would cost the coordinator more than it tells.
///
/// Pure. The chosen steps are the multiples of a power of two, so that workers about equally fast
/// are last heard of at the same step of an image that ends them.
package struct StepReporter {
    private let interval: Double
    private var stride: Int?
    private var stepCount = 0
    private var seconds = 0.0

    /// Begins an image.
    ///
    /// - Parameter interval: seconds that may pass unreported; 0 for no step.
    package init(interval: Double) {
        self.interval = interval
    }

    /// Notes a step.
    ///
    /// - Parameter seconds: how long it took.
    /// - Returns: seconds per step since the last report, when it is time for one.
    package mutating func report(step: Int, isLast: Bool, seconds: Double) -> Double? {
        stepCount += 1
        self.seconds += seconds
        let isDue: Bool
        if let stride {
            // Steps that have become slower must not end the lease.
            isDue = isLast || step.isMultiple(of: stride) || self.seconds >= 4 * interval
        } else {
            stride = Self.stride(interval: interval, seconds: seconds)
            isDue = true
        }
        guard isDue else { return nil }
        defer { (stepCount, self.seconds) = (0, 0) }
        return self.seconds / Double(stepCount)
    }

    /// The largest power of two of which the interval has room for so many steps; at least 1.
    private static func stride(interval: Double, seconds: Double) -> Int {
        var stride = 1
        while stride < 1024, interval > 0, Double(2 * stride) * seconds <= interval { stride *= 2 }
        return stride
    }
}
