// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import ImageCodec
import Requests
import Runs

/// Reproduces the paper's Figure 2.
struct Figure2: ParsableCommand, StudyChoice {
    static let study = EvidenceStudy.figure2
    static let configuration = CommandConfiguration(
        commandName: "figure2",
        abstract: "The paper's Figure 2: pictures without merging, with ToMeSD, with ReToM.",
        discussion: """
              retom-eval figure2 plan --images 6 -o figure2.jsonl
              retom-coord --prompts figure2.jsonl --local-workers 2 -o out/figure2
              retom-eval figure2 report out/figure2
            """,
        subcommands: [PlanEvidence<Self>.self, Figure2Report.self])
}

/// Puts the pictures of a run side by side.
struct Figure2Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Writes figure2.png and figure2.html into the run's directory.")

    @Argument(help: ArgumentHelp("Output directory of retom-coord.", valueName: "run"))
    var directory: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The seed given to plan.", valueName: "number"))
    var seed: UInt64 = 0

    func run() throws {
        let study = EvidenceStudy.figure2
        let plan = EvidencePlan(rows: study.rows, seed: seed)
        let pictures = try EvidenceRun(path: directory, plan: plan, study: study)
        let sheet = try EvidenceSheet(pictures, study: study)
        let output = try RunDirectory(preparing: directory)
        try output.replace("figure2.png") { append in
            try sheet.write(
                texts: [PNGText(keyword: "Software", text: ProgramVersion.text)],
                picture: { try PictureFolder.read(output.path(of: $0.file)).image }, sink: append)
        }
        let request = sheet.cells[0][0].request
        let facts = [
            "model \(pictures.report.run.model.name)", "\(request.inferenceStepCount) steps",
            request.samplingMethod.rawValue, "guidance \(request.guidanceScale)",
        ]
        try output.replace(
            "figure2.html", bytes: Array(sheet.html(directory: "", facts: facts).utf8))
        print("\(output.path(of: "figure2.png"))\n\(output.path(of: "figure2.html"))")
    }
}
