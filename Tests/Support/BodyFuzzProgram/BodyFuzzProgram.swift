// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BodyFuzzing
import CommandSupport
import EmbeddedModel
import GenerationTypes
import Glibc
import Requests
import RunService
import ServiceAPI
import ServiceLedger
import StableDiffusion

/// Damages any number of bodies; the seed determines the damage.
@main struct BodyFuzzProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "body-fuzz",
        abstract: "Feed damaged bodies to the readers and the planner of the service.",
        discussion: "Exits with 1 if a rule is broken or memory exceeds the limit.")

    @Option(help: "Number of bodies.")
    var bodies = 100_000
    @Option(help: "Seed that determines every body.")
    var seed: UInt64 = 1
    @Option(help: ArgumentHelp("Limit of memory in use.", valueName: "MiB"))
    var memory = 512
    @Flag(help: "Time bodies of a mebibyte instead.")
    var large = false

    func run() throws {
        let source = try ModelDirectory(path: try EmbeddedModel.directory())
        let requests = try RequestCheck(of: source)
        let tokenizer = try source.tokenizer()
        let description = requests.description
        let defaults = try GenerationOptions.parse([]).settings(
            defaultWidth: description.defaultWidth, defaultHeight: description.defaultHeight,
            recipe: description.recipe, tokenMerging: .none)
        let check = try BodyCheck(model: ModelRecord(of: source, name: EmbeddedModel.name)) {
            body in
            let count = body.entries.reduce(0) {
                $0 + min($1.imageCount ?? body.batchCount, 10_001)
            }
            guard count <= 10_000 else {
                return .failure(APIProblem(.batchTooLarge(count: count, max: 10_000), batch: ""))
            }
            var random = SystemRandomNumberGenerator()
            do throws(PromptListError) {
                let plan = try RequestPlan(
                    entries: body.entries, settings: body.settings.filled(from: defaults),
                    seed: body.seed, batchCount: body.batchCount, check: requests.check,
                    using: &random)
                _ = TruncationWarnings.of(plan.requests, tokenizer: tokenizer)
                _ = PromptSyntaxNotice.warning(body.entries)
                return .success(plan.requests)
            } catch {
                return .failure(APIProblem(error))
            }
        }
        let clock = ContinuousClock()
        let begin = clock.now
        if large {
            try time(check)
        } else {
            let tallies = try BodyFuzzer.run(count: bodies, seed: seed, check: check)
            for kind in BodyKind.allCases {
                guard let tally = tallies[kind] else { continue }
                let counts = tally.statuses.sorted { $0.key < $1.key }
                    .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                print("\(kind.rawValue): \(counts); the slowest \(tally.slowest)")
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let peak = usage.ru_maxrss / 1024
        print("\(large ? 0 : bodies) bodies in \(clock.now - begin), at most \(peak) MiB of memory")
        guard peak <= memory else {
            throw ValidationError("more than \(memory) MiB were in use")
        }
    }

    private func time(_ check: BodyCheck) throws {
        let clock = ContinuousClock()
        for kind in BodyKind.allCases {
            for body in LargeBody.all(kind) {
                let bytes = body.bytes()
                var (status, times) = (0, [Duration]())
                for _ in 0..<3 {
                    let begin = clock.now
                    status = try check.status(of: bytes, kind)
                    times.append(clock.now - begin)
                }
                print("\(kind.rawValue), \(body.name): \(status) in \(times.min() ?? .zero)")
            }
        }
    }
}
