// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Testing

@Suite("Means with intervals")
struct MeanIntervalTests {
    /// `scipy.stats.t.ppf(0.975, n)`.
    @Test(
        arguments: [
            (1, 12.7062), (2, 4.3027), (5, 2.5706), (6, 2.4469), (9, 2.2622), (19, 2.0930),
            (99, 1.9842), (100_000, 1.9600),
        ])
    func quantilesMatchStudents(degreesOfFreedom: Int, expected: Double) {
        let quantile = MeanInterval.quantile(degreesOfFreedom: degreesOfFreedom)
        #expect((quantile - expected).magnitude < 1.5e-3)
    }

    @Test func intervalsMatchTheTextbook() {
        // 2, 4, 6: standard deviation 2, so 4.303 · 2 / √3.
        let interval = MeanInterval([2, 4, 6])
        #expect(interval.mean == 4)
        #expect((interval.halfWidth - 4.9687).magnitude < 1e-3)
    }

    @Test func oneValueHasNoInterval() {
        #expect(MeanInterval([3]).mean == 3)
        #expect(MeanInterval([3]).halfWidth.isNaN)
        #expect(MeanInterval([.infinity, 1]).halfWidth.isNaN)
    }

    @Test func mediansAreTheMiddle() {
        #expect([3.0, 1, 2].median == 2)
        #expect([4.0, 1, 2, 3].median == 2.5)
    }
}
