// SPDX-License-Identifier: Apache-2.0

import ServiceLedger
import Testing

/// The rules of the service under lost answers, repeated requests, cancels and crashes.
@Suite struct SimulationTests {
    /// Runs simulations until one breaks a rule.
    private static func firstProblem(
        _ seeds: Range<UInt64>, bug: LedgerBug? = nil
    ) -> (seed: UInt64, problem: String)? {
        for seed in seeds {
            var service = SimulatedService(LedgerScenario(seed: seed, bug: bug))
            service.run()
            if let problem = service.problem { return (seed, problem) }
        }
        return nil
    }

    /// In eight parts, which run at once.
    @Test(arguments: 0..<8) func noRuleIsBroken(_ part: UInt64) {
        let problem = Self.firstProblem(part * 1250..<(part + 1) * 1250)
        #expect(problem == nil)
    }

    @Test(arguments: LedgerBug.allCases) func everyPlantedBugIsFound(_ bug: LedgerBug) {
        #expect(Self.firstProblem(0..<2000, bug: bug) != nil)
    }

    @Test func oneSeedIsOneHistory() {
        func history(_ seed: UInt64) -> [Int] {
            var service = SimulatedService(LedgerScenario(seed: seed))
            service.run()
            return [service.eventCount, service.disk.acceptedCount]
        }
        #expect(history(7) == history(7))
        #expect(history(7) != history(8))
    }
}
