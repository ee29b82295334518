// SPDX-License-Identifier: Apache-2.0

import Testing
import Worker

/// Which steps a coordinator hears of.
@Suite struct StepReporterTests {
    private func reported(
        _ seconds: [Double], interval: Double = 0.2
    ) -> [(step: Int, mean: Double)] {
        var reporter = StepReporter(interval: interval, stepCount: 25)
        return seconds.enumerated().compactMap { index, seconds in
            reporter.report(
                step: index + 1, isLast: index + 1 == 25, seconds: seconds
            ).map { (index + 1, $0) }
        }
    }

    @Test(arguments: [
        (0.5, Array(1...25)), (0.11, Array(1...25)),
        (0.1, [1] + Array(stride(from: 2, through: 24, by: 2)) + [25]),
        (0.04, [1, 4, 8, 12, 16, 20, 24, 25]),
        (0.001, [1, 4, 8, 12, 16, 20, 24, 25]),
    ])
    func stepsInPowersOfTwo(seconds: Double, steps: [Int]) {
        #expect(reported(Array(repeating: seconds, count: 25)).map(\.step) == steps)
    }

    @Test func ofAShortImageEachStep() {
        var reporter = StepReporter(interval: 0.2, stepCount: 8)
        let reports = (1...8).map { reporter.report(step: $0, isLast: $0 == 8, seconds: 0.001) }
        #expect(reports.allSatisfy { $0 == 0.001 })
    }

    @Test func withoutAnIntervalEachStep() {
        for seconds in [0, 0.001] {
            let steps = reported(Array(repeating: seconds, count: 25), interval: 0).map(\.step)
            #expect(steps == Array(1...25))
        }
    }

    /// Two workers of which one is a little slower are heard of at the same steps.
    @Test func aLittleJitterChangesNothing() {
        let jitter = (0..<25).map { 0.04 + 0.009 * Double($0 * 7 % 5) / 5 }
        #expect(reported(jitter).map(\.step) == [1, 4, 8, 12, 16, 20, 24, 25])
    }

    @Test func whatIsReportedOutOfTurnIsNotReportedTwice() {
        var reporter = StepReporter(interval: 0.2, stepCount: 40)
        #expect(reporter.flush() == nil)
        #expect(reporter.report(step: 1, isLast: false, seconds: 0.01) == 0.01)
        #expect(reporter.report(step: 2, isLast: false, seconds: 0.02) == nil)
        #expect(reporter.report(step: 3, isLast: false, seconds: 0.04) == nil)
        #expect(reporter.flush() == 0.03)
        #expect(reporter.flush() == nil)
        #expect(reporter.report(step: 4, isLast: false, seconds: 0.05) == 0.05)
    }

    /// A machine that others begin to use too must not seem to stand still.
    @Test func stepsThatBecomeSlowAreReported() throws {
        let reports = reported(
            Array(repeating: 0.001, count: 9) + Array(repeating: 0.5, count: 16))
        #expect(reports.map(\.step) == [1, 4, 8, 11, 12, 14, 16, 18, 20, 22, 24, 25])
        #expect(try #require(reports.last).mean == 0.5)
        #expect(abs(reports[3].mean - (0.001 + 2 * 0.5) / 3) < 1e-12)
    }
}
