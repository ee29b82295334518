// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterSimulation

/// Simulates any number of clusters in virtual time, each from one seed.
@main struct SimulationProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster-simulation",
        abstract: "Simulate clusters with faults; the seed determines every run.")

    @Option(help: "Seed of the first run; the others follow it.")
    var seed: UInt64 = 1
    @Option(help: "Number of runs.")
    var runs: UInt64 = 1
    @Option(help: "Plant this bug; 'all' plants each in turn and reports how many seeds find it.")
    var bug: String?
    @Flag(help: "Print every event of one run.")
    var trace = false
    @Option(help: "Continue until this many runs broke a rule.")
    var failures = 1

    @Option(help: "Only run a batch of this many equal images without faults.")
    var batch: Int?
    @Option(parsing: .upToNextOption, help: "Seconds per step of each worker of the batch.")
    var stepSeconds: [Double] = [1, 1, 10]
    @Option(help: "Steps of each image of the batch.")
    var steps = 10

    func run() throws {
        if let batch {
            try draw(batch)
        } else if bug == "all" {
            try findBugs()
        } else if trace {
            try follow()
        } else {
            try simulate()
        }
    }

    private func planted() throws -> PlantedBug? {
        guard let bug else { return nil }
        guard let planted = PlantedBug.all.first(where: { "\($0)" == bug }) else {
            let names = PlantedBug.all.map { "\($0)" }.joined(separator: ", ")
            throw ValidationError("there is no bug '\(bug)'; choose one of \(names)")
        }
        return planted
    }

    private func follow() throws {
        var cluster = SimulatedCluster(Scenario(seed: seed, bug: try planted()))
        cluster.log = { print($0) }
        cluster.run()
        print("trace \(String(cluster.trace, radix: 16)), \(cluster.eventCount) events")
        if let problem = cluster.problem {
            print(problem)
            throw ExitCode(1)
        }
    }

    private func draw(_ count: Int) throws {
        var cluster = SimulatedCluster(
            .batch(imageCount: count, stepCount: steps, stepSeconds: stepSeconds))
        if trace { cluster.log = { print($0) } }
        cluster.run()
        print("\(cluster.seconds) s; images per worker: \(cluster.imageCounts)")
        if let problem = cluster.problem {
            print(problem)
            throw ExitCode(1)
        }
    }

    private func simulate() throws {
        let bug = try planted()
        let clock = ContinuousClock()
        let begin = clock.now
        var tally = Campaign.Tally()
        let chunk: UInt64 = 10_000
        var next = seed
        while next < seed + runs, tally.failures.count < failures {
            let end = min(next + chunk, seed + runs)
            tally.add(Campaign.run(seeds: next..<end, bug: bug, failuresMax: failures))
            next = end
            print("\(tally) in \(clock.now - begin)")
        }
        for failure in tally.failures { print(failure) }
        if !tally.failures.isEmpty { throw ExitCode(1) }
    }

    private func findBugs() throws {
        var missed = 0
        for bug in PlantedBug.all {
            let tally = Campaign.run(seeds: seed..<seed + max(runs, 1), bug: bug)
            let found = tally.failures.first
            if found == nil { missed += 1 }
            print("\(bug): \(found.map { "\(tally.runCount) seeds, \($0.problem)" } ?? "missed")")
        }
        if missed > 0 { throw ExitCode(1) }
    }
}
