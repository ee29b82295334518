// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LyingWorkers

/// Feeds a liar's results to a coordinator.
struct LieCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lie",
        abstract: "Generate images on honest workers while another one sends false results.",
        discussion: """
            Their shapes, values, sizes and tokens are random. Exits with 1 if an image is lost or \
            false, the liar is not named, or memory grows.
            """)

    @Option(help: "False results and pictures.")
    var results = 1_000_000
    @Option(help: "Images generated meanwhile.")
    var images = 200
    @Option(help: "Seed that determines every lie.")
    var seed: UInt64 = 1
    @Option(
        help: ArgumentHelp(
            "Limit of memory growth from the first tenth to the last.", valueName: "MiB"))
    var growth = 16

    func run() async throws {
        let trial = LyingTrial(lieCount: results, imageCount: images, seed: seed)
        let report = try await trial.run { ProcessStatus.residentByteCount }
        let memory = report.residentByteCounts.map { $0 >> 20 }
        print(
            """
            \(report.lieCount) lies in \(Int(report.seconds)) s; \(report.rightCount) of \(images) \
            images are right; the liar is named \(report.namedCount) times; memory after each tenth: \
            \(memory.map { "\($0)" }.joined(separator: ", ")) MiB
            """)
        for (reason, count) in report.reasons.sorted(by: { $0.value > $1.value }).prefix(12) {
            print("  \(count) × \(reason)")
        }
        var problems = report.problems
        if report.rightCount != images { problems.append("images are missing") }
        if report.namedCount == 0 { problems.append("the liar is not named") }
        if let first = memory.first, let last = memory.last, last > first + growth {
            problems.append("memory grew by \(last - first) MiB")
        }
        guard problems.isEmpty else {
            throw ValidationError(problems.prefix(10).joined(separator: "; "))
        }
    }
}
