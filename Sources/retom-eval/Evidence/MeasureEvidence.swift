// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import TensorKit

/// Measures the pictures of finished runs.
struct MeasureEvidence<Choice: StudyChoice>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "measure",
            abstract: "Measures the pictures of runs and adds them to the measurements.",
            discussion: """
                Of each picture its features, CLIP score, answers of the judge, and PSNR and SSIM to \
                the unmerged picture of the same seed in the same run are kept; the pictures may be \
                deleted then. Without --inception the embedded model's own mini-CLIP and judge \
                measure. Statistics of real pictures are kept too, so that --real is needed once.
                """)
    }

    @Argument(help: ArgumentHelp("Output directories of retom-coord.", valueName: "run"))
    var runs: [String]

    @OptionGroup var place: EvidenceDataOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("The seed given to plan.", valueName: "number"))
    var seed: UInt64 = 0

    @OptionGroup(title: "Metrics") var metrics: StandardMetricOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func run() throws {
        let plan = EvidencePlan(rows: Choice.study.rows, seed: seed)
        let found = try runs.map { try EvidenceRun(path: $0, plan: plan, study: Choice.study) }
        let meter = try metrics.meter(compute.configuration)
        if try PictureStatistics.reference(in: place.data) == nil {
            try metrics.reference(by: meter, compute: compute.configuration) { line in
                ConsoleStreams.standard.writeError(line + "\n")
            }.writeReference(to: place.data)
        }
        for run in found {
            let measured = try run.measured(by: meter) { done in
                guard done.isMultiple(of: 100) || done == run.pictureCount else { return }
                ConsoleStreams.standard.writeError(
                    "\(run.path): \(done) of \(run.pictureCount) pictures\n")
            }
            // All are checked before any file changes.
            let sums = try measured.map { new in
                var sum = try EvidenceData.read(row: new.row, in: place.data) ?? new
                try sum.add(new)
                return sum
            }
            for sum in sums { try sum.write(to: place.data) }
        }
    }
}
