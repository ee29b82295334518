// SPDX-License-Identifier: Apache-2.0

import ClusterSimulation
import Testing

/// Thousands of runs in virtual time.
///
/// A failing seed is printed; running it again fails again.
@Suite struct SimulationTests {
    @Test func noWeatherBreaksARule() {
        let tally = Campaign.run(seeds: 1..<10_001)
        for failure in tally.failures { Issue.record("\(failure)") }
        // The faults must bite, and the runs must survive most of them.
        #expect(tally.runCount == 10_000)
        #expect(tally.retryCount > 5_000)
        #expect(tally.failedCount > 500)
        #expect(tally.cancelledImageCount > 1_000)
        #expect(tally.notUnderstoodCount > 100)
        #expect(tally.completedCount > 5 * tally.failedCount)
        #expect(tally.resumedCount > 1_000 && tally.ignoredCheckpointCount > 50)
        #expect(tally.pictureCount > 10_000 && tally.pictureCount < tally.completedCount)
        #expect(tally.drainCount > 500)
        #expect(tally.alarmCount > 0 && tally.quarantineCount > 100)
    }

    @Test func aSeedRepeatsItselfExactly() {
        let first = Campaign.run(seeds: 1..<60)
        let second = Campaign.run(seeds: 1..<60)
        #expect(first.trace == second.trace)
        #expect(first.eventCount == second.eventCount)
    }

    @Test(arguments: PlantedBug.all)
    func everyPlantedBugIsFound(_ bug: PlantedBug) {
        let tally = Campaign.run(seeds: 1..<5_001, bug: bug)
        #expect(!tally.failures.isEmpty, "\(bug) is not found in 5000 runs")
    }
}
