// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import StableDiffusion

/// Reproduces the paper's Figure 3, and measures what it shows.
struct Figure3: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "figure3",
        abstract: "The paper's Figure 3: similarities of tokens over the timesteps.",
        discussion: """
              retom-eval figure3 --images 10 -o out/figure3

            Pictures are generated here, not on a cluster: similarities are inside the U-Net, and \
            no picture shows them. The output directory receives figure3.png (heat maps of the first \
            picture's windows at timesteps near 0, 300, 600, 900), figure3.svg and figure3.csv (how \
            many windows keep their representative) and figure3.md.
            """)

    @Option(help: ArgumentHelp("Pictures.", valueName: "count"))
    var images = 10

    @Option(help: ArgumentHelp("Side of the window in heat maps.", valueName: "tokens"))
    var heatMapWindow = 8

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Output directory; replaces earlier results.", valueName: "directory"))
    var output = "out/figure3"

    @OptionGroup var prompts: StudyPromptOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        guard images > 0 else { throw ValidationError("--images \(images): choose 1 or more") }
        guard (1...16).contains(heatMapWindow) else {
            throw ValidationError("--heat-map-window \(heatMapWindow): choose from 1 to 16")
        }
    }

    func run() throws {
        let rows: [EvidenceRow] = [.unmerged]
        let requests = try StudyRequests(
            prompts: prompts, generation: generation, model: model, rows: rows)
        var study = try SimilarityStudy(
            merging: EvidenceRow.mostRepresentative.merging, lags: [1, 5, 10],
            heatMapWindow: heatMapWindow)
        let output = try RunDirectory(preparing: output)
        let pipeline = try StableDiffusionPipeline(
            model: requests.source, compute: compute.configuration)
        let planned = requests.plan.requests(0..<images, of: requests.requests)
        for (index, request) in planned.enumerated() {
            try study.add(request, pipeline: pipeline)
            ConsoleStreams.standard.writeError("\(index + 1) of \(images) pictures\n")
        }
        let figures = SimilarityFigures(study)
        let facts =
            ["model \(requests.modelName)", "\(images) pictures"] + planned[0].facts(compute)
        let text = """
            \(facts.joined(separator: ", ")).

            \(figures.summary)
            """
        try output.replace("figure3.png", bytes: try PNG.encode(figures.heatMaps))
        try output.replace("figure3.svg", bytes: Array(figures.agreementSVG.utf8))
        try output.replace("figure3.csv", bytes: Array(figures.agreementCSV.utf8))
        try output.replace("figure3.md", bytes: Array(text.utf8))
        print(text, terminator: "")
    }
}
