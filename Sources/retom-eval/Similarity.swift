// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import StableDiffusion
import TensorKit
import TokenMerging

/// Shows how token similarities change over the steps: the evidence for caching plans.
struct Similarity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows how token similarities change from step to step (Figure 3).",
        discussion: """
            Pictures are generated without merging. The output directory receives similarity.png \
            (heat maps of the first picture's tokens at timesteps near 0, 300, 600 and 900), \
            agreement.png and agreement.csv (how far ReToM's choices agree with those made some \
            calls before, over all pictures).
            """)

    @OptionGroup var prompts: PromptOptions

    @Option(help: ArgumentHelp("Use only the first prompts.", valueName: "count"))
    var promptCount: Int?

    @Option(help: ArgumentHelp("Side of the window in heat maps.", valueName: "tokens"))
    var heatMapWindow = 8

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Calls between compared choices.", valueName: "calls"))
    var lag = [1, 5, 10]

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Output directory; replaces earlier results.", valueName: "directory"))
    var output = "out/similarity"

    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        try prompts.requireSome()
        guard (1...16).contains(heatMapWindow) else {
            throw ValidationError("--heat-map-window \(heatMapWindow): choose from 1 to 16")
        }
        guard lag.allSatisfy({ (1...GenerationLimits.inferenceStepCountMax).contains($0) }) else {
            throw ValidationError("--lag: each must be 1 or more")
        }
        if let promptCount, promptCount < 1 {
            throw ValidationError("--prompt-count \(promptCount): choose 1 or more")
        }
    }

    func run() throws {
        var configuration = merging.configuration
        // Whatever method is configured, the choices shown are ReToM's.
        configuration.method = "retom"
        var study = try SimilarityStudy(
            merging: configuration, lags: lag, heatMapWindow: heatMapWindow)
        let entries = try prompts.entries(first: promptCount, warn: ConsoleStreams.warn)
        let source = try model.with(lorasOf: entries).open().source
        let plan = try generation.plan(
            entries, for: RequestCheck(of: source), tokenMerging: .none, warn: ConsoleStreams.warn)
        let output = try RunDirectory(preparing: output)
        let pipeline = try StableDiffusionPipeline(model: source, compute: compute.configuration)
        for (index, request) in plan.requests.enumerated() {
            try study.add(request, pipeline: pipeline)
            ConsoleStreams.standard.writeError("\(index + 1) of \(plan.requests.count) prompts\n")
        }
        let figures = SimilarityFigures(study)
        try output.replace("similarity.png", bytes: try PNG.encode(figures.heatMaps))
        try output.replace("agreement.png", bytes: try PNG.encode(figures.agreementChart))
        try output.replace("agreement.csv", bytes: Array(figures.agreementCSV.utf8))
        print(figures.summary, terminator: "")
    }
}
