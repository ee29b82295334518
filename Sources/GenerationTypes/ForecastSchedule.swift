// SPDX-License-Identifier: Apache-2.0

/// Which of a sampler's steps call the U-Net, and which forecast its output from earlier calls.
///
/// The first calls are all made, because outputs change fastest there, and so is the last, which
/// decides the details. The schedule follows from indices alone: a measured threshold would turn
/// differences in last bits into different pictures.
package struct ForecastSchedule: Sendable, Equatable {
    /// Calls at the start that are always made.
    package static let warmUpCount = 5
    /// Fewest steps of which any may be forecast.
    package static let stepCountMin = 12

    /// The sampler's steps.
    package let stepCount: Int
    /// After the warm-up one step in so many calls the U-Net; 1 forecasts nothing.
    package let interval: Int

    /// Makes a schedule.
    package init(stepCount: Int, interval: Int) {
        precondition(interval >= 1, "one call in \(interval) steps")
        self.stepCount = stepCount
        self.interval = interval
    }

    /// Whether a step, from 0, forecasts the output instead of calling the U-Net.
    package func isForecast(_ step: Int) -> Bool {
        step >= Self.warmUpCount && step < stepCount - 1
            && (step - Self.warmUpCount) % interval != interval - 1
    }

    /// Calls of the U-Net.
    package var callCount: Int { (0..<stepCount).count { !isForecast($0) } }

    /// The first step that is still to be done after so many calls and the forecasts they carry.
    package func step(afterCalls count: Int) -> Int {
        guard count > 0 else { return 0 }
        var (calls, step) = (0, 0)
        while step < stepCount {
            if !isForecast(step) {
                if calls == count { break }
                calls += 1
            }
            step += 1
        }
        return step
    }
}
