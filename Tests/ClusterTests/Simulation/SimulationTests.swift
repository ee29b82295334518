// SPDX-License-Identifier: Apache-2.0

import Testing

/// Thousands of runs in virtual time.
///
/// A failing seed is printed; running it again fails again.
@Suite struct SimulationTests {
    @Test func faultyNetworksAndWorkersBreakNoRule() {
        var events = 0
        var completed = 0
        var failed = 0
        for seed in UInt64(1)...2000 {
            var cluster = SimulatedCluster(seed: seed) { .random(&$0) }
            cluster.run()
            events += cluster.eventCount
            completed += cluster.outcomes.values.count { $0 == "completed" }
            failed += cluster.outcomes.values.count { $0 == "failed" }
            if let problem = cluster.problem {
                Issue.record("seed \(seed), \(cluster.faults): \(problem)")
                return
            }
        }
        // The faults must bite, and the run must survive most of them.
        #expect(failed > 50)
        #expect(completed > 5 * failed)
        #expect(events > 100_000)
    }

    @Test func withoutFaultsEverythingIsDrawn() {
        for seed in UInt64(10_000)...10_300 {
            var cluster = SimulatedCluster(seed: seed) { _ in .none }
            cluster.run()
            #expect(cluster.problem == nil, "seed \(seed)")
            #expect(cluster.outcomes.values.allSatisfy { $0 == "completed" }, "seed \(seed)")
        }
    }

    /// A slow network alone must cost no image, only time.
    @Test func cutConnectionsAloneCostNoAttemptLimit() {
        for seed in UInt64(20_000)...20_300 {
            var cluster = SimulatedCluster(seed: seed) { _ in
                var faults = SimulatedCluster.Faults.none
                faults.stall = 20
                faults.until = .seconds(10)
                return faults
            }
            cluster.run()
            #expect(cluster.problem == nil, "seed \(seed)")
        }
    }

    @Test func aSeedRepeatsItselfExactly() {
        for seed in UInt64(1)...50 {
            var first = SimulatedCluster(seed: seed) { .random(&$0) }
            var second = SimulatedCluster(seed: seed) { .random(&$0) }
            first.run()
            second.run()
            #expect(first.trace == second.trace)
            #expect(first.eventCount == second.eventCount)
        }
    }
}
