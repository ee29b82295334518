// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import Requests
import StableDiffusion
import TensorKit

/// Times the rows of a study side by side.
struct TimeEvidence<Choice: StudyChoice>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "time",
            abstract: "Times all rows in turn, in one process.",
            discussion: """
                In each round every row generates the same picture, in rotating order, after one \
                picture that does not count. A later call adds its rounds to the earlier ones.
                """)
    }

    @Option(help: ArgumentHelp("Pictures per row.", valueName: "count"))
    var rounds = 10

    @OptionGroup var rows: StudyRowOptions
    @OptionGroup var place: EvidenceDataOptions
    @OptionGroup var prompts: StudyPromptOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds \(rounds): choose 1 or more") }
        _ = try rows.chosen(of: Choice.study)
    }

    func run() throws {
        // Rows that differ in nothing but their seeds take the same time.
        let rows = try rows.chosen(of: Choice.study).filter { $0.seedOffset == 0 }
        let study = try StudyRequests(
            prompts: prompts, generation: generation, model: model, rows: rows)
        let resolved = try compute.configuration.resolve()
        let facts =
            ["model \(study.modelName)", "\(study.requests[0].width)×\(study.requests[0].height)"]
            + study.requests[0].facts(compute).dropLast(2)
            + [
                "precision \(resolved.precision.rawValue)", "\(resolved.threadCount) threads",
                CPUInfo.detect().signature,
            ]
        var times = try EvidenceTimes.read(in: place.data) ?? EvidenceTimes(facts: facts)
        guard times.facts == facts else {
            throw ValidationError(
                """
                \(EvidenceTimes.path(in: place.data)) has times of another machine or with other \
                settings (\(times.facts.joined(separator: ", "))); choose another directory with --data
                """)
        }
        let painter = try PicturePainter(
            pipeline: StableDiffusionPipeline(
                model: study.source, compute: compute.configuration),
            decoder: LatentDecoder(model: study.source, compute: compute.configuration))
        _ = try painter.draw(study.requests[0])
        for row in rows {
            var request = study.requests[0]
            request.tokenMerging = row.merging
            try painter.warmUp(request, decodes: true)
        }
        for _ in 0..<rounds {
            let number = times.roundCount
            var request = study.requests[number % study.requests.count]
            request.seed = study.plan.seed + UInt64(number)
            var round: [String: Double] = [:]
            for turn in rows.indices {
                let row = rows[(turn + number) % rows.count]
                request.tokenMerging = row.merging
                round[row.id] = try painter.draw(request).record.seconds
            }
            times.add(round)
            try times.write(to: place.data)
            ConsoleStreams.standard.writeError("\(times.roundCount) rounds\n")
        }
    }
}
