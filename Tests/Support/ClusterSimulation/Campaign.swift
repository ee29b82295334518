// SPDX-License-Identifier: Apache-2.0

/// Many runs, one seed each.
package struct Campaign {
    /// A run that broke a rule.
    package struct Failure: Sendable, CustomStringConvertible {
        package var seed: UInt64
        package var problem: String
        /// For people, with the command that repeats it.
        package var description: String {
            "seed \(seed): \(problem); repeat it with: cluster-simulation --seed \(seed) --trace"
        }
    }

    /// The outcome of the runs.
    package struct Tally: Sendable {
        package var runCount = 0
        package var eventCount = 0
        package var completedCount = 0
        package var failedCount = 0
        package var retryCount = 0
        /// Words of workers that an image needs a newer build.
        package var notUnderstoodCount = 0
        package var quarantineCount = 0
        package var alarmCount = 0
        package var silentErrorCount = 0
        package var coordinatorCrashCount = 0
        package var cancelledRunCount = 0
        /// Images that were cancelled with their batch.
        package var cancelledImageCount = 0
        /// Checkpoints that coordinators kept, images that went on from one, steps that were not
        /// done again, and checkpoints that were of no use.
        package var checkpointCount = 0
        /// Images that came with a picture.
        package var pictureCount = 0
        /// Lies that workers told, and results that were taken back because no picture came of
        /// them.
        package var lieCount = 0
        /// How often workers that were drained had nothing any more.
        package var drainCount = 0
        package var undecodableCount = 0
        package var resumedCount = 0
        package var savedStepCount = 0
        package var ignoredCheckpointCount = 0
        /// All traces, as one number.
        package var trace: UInt64 = 0
        package var failures: [Failure] = []

        /// No run yet.
        package init() {}

        mutating func add(_ cluster: SimulatedCluster) {
            runCount += 1
            eventCount += cluster.eventCount
            let outcomes = cluster.observed.outcomes.values
            completedCount += outcomes.count { $0 == .completed }
            failedCount += outcomes.count { $0 == .failed }
            cancelledImageCount += outcomes.count { $0 == .cancelled }
            retryCount += cluster.observed.retryCount
            notUnderstoodCount += cluster.observed.notUnderstoodCount
            quarantineCount += cluster.observed.quarantineCount
            alarmCount += cluster.observed.alarmCount
            silentErrorCount += cluster.observed.silentErrorCount
            coordinatorCrashCount += cluster.observed.coordinatorCrashCount
            checkpointCount += cluster.observed.checkpointCount
            pictureCount += cluster.observed.pictureCount
            lieCount += cluster.observed.lieCount
            drainCount += cluster.observed.drainCount
            undecodableCount += cluster.observed.undecodableCount
            resumedCount += cluster.observed.resumedCount
            savedStepCount += cluster.observed.savedStepCount
            ignoredCheckpointCount += cluster.observed.ignoredCheckpointCount
            if cluster.observed.isCancelled { cancelledRunCount += 1 }
            trace = trace &* 31 &+ cluster.trace
            if let problem = cluster.problem {
                failures.append(Failure(seed: cluster.scenario.seed, problem: problem))
            }
        }
    }

    /// Runs seeds until one breaks a rule or all are done.
    package static func run(
        seeds: Range<UInt64>, weather: Scenario.Weather? = nil, bug: PlantedBug? = nil,
        failuresMax: Int = 1
    ) -> Tally {
        var tally = Tally()
        for seed in seeds {
            var cluster = SimulatedCluster(Scenario(seed: seed, weather: weather, bug: bug))
            cluster.run()
            tally.add(cluster)
            if tally.failures.count >= failuresMax { break }
        }
        return tally
    }
}

extension Campaign.Tally: CustomStringConvertible {
    package var description: String {
        """
        \(runCount) runs, \(eventCount) events: \(completedCount) images completed, \(failedCount) \
        failed with a reason, \(retryCount) attempts failed, \(quarantineCount) quarantines, \
        \(alarmCount) alarms, \(silentErrorCount) silent errors, \(coordinatorCrashCount) \
        coordinators killed, \(checkpointCount) checkpoints, \(resumedCount) images resumed \
        (\(savedStepCount) steps), \(ignoredCheckpointCount) checkpoints ignored, \
        \(pictureCount) pictures of workers, \(lieCount) lies, \(undecodableCount) results taken \
        back, \(drainCount) workers drained, \
        \(cancelledRunCount) runs and \(cancelledImageCount) images cancelled, \(failures.count) broken; \
        trace \(String(trace, radix: 16))
        """
    }

    /// Adds the runs of another tally.
    package mutating func add(_ other: Campaign.Tally) {
        runCount += other.runCount
        eventCount += other.eventCount
        completedCount += other.completedCount
        failedCount += other.failedCount
        retryCount += other.retryCount
        notUnderstoodCount += other.notUnderstoodCount
        quarantineCount += other.quarantineCount
        alarmCount += other.alarmCount
        silentErrorCount += other.silentErrorCount
        coordinatorCrashCount += other.coordinatorCrashCount
        cancelledRunCount += other.cancelledRunCount
        cancelledImageCount += other.cancelledImageCount
        checkpointCount += other.checkpointCount
        pictureCount += other.pictureCount
        lieCount += other.lieCount
        drainCount += other.drainCount
        undecodableCount += other.undecodableCount
        resumedCount += other.resumedCount
        savedStepCount += other.savedStepCount
        ignoredCheckpointCount += other.ignoredCheckpointCount
        trace = trace &* 31 &+ other.trace
        failures += other.failures
    }
}
