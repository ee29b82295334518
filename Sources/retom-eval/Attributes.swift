// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import EmbeddedModel
import Evaluation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import StableDiffusion
import TokenMerging

/// Measures, with a classifier that knows the embedded model's scenes, how often pictures show what
/// their prompts ask for.
struct Attributes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Scores the embedded model: do pictures show what prompts ask for?",
        discussion: """
              retom-eval attributes --merge none --cfg-scale 5 --seed 0 -o out/attributes
              retom-eval attributes --cfg-scale 5 --seed 0 -o out/attributes \\
                --setting "none: --merge none" --setting "ReToM: --merge retom"
              retom-eval attributes out/ours out/theirs

            Generates the validation prompts and has a small classifier, trained on rendered \
            scenes, look at every picture; or judges the pictures in directories, whose names begin \
            with the number of their prompt (00017.png). With several settings or directories the \
            others are compared with the first, picture by picture. The output directory receives \
            attributes.json, the pictures (in a directory per setting if there are several), and \
            worst.png, the pictures with the most misses.
            """)

    @Argument(
        help: ArgumentHelp(
            "Judge the pictures in these directories instead of generating.",
            valueName: "directory"))
    var directories: [String] = []

    @OptionGroup var settings: MergeSettingOptions

    @Option(
        help: ArgumentHelp(
            "JSON with full captions and attributes (default: the validation prompts).",
            valueName: "file"))
    var prompts: String?

    @Option(help: ArgumentHelp("Use only the first prompts.", valueName: "count"))
    var promptCount = 200

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Output directory; replaces earlier results.", valueName: "directory"))
    var output = "out/attributes"

    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        guard promptCount > 0 else {
            throw ValidationError("--prompt-count \(promptCount): choose 1 or more")
        }
        guard generation.imagesPerPrompt == 1 else {
            throw ValidationError("--batch-count: the judge takes one picture per prompt")
        }
        let hasSettings = !settings.setting.isEmpty || settings.settings != nil
        if hasSettings, !directories.isEmpty {
            throw ValidationError("give directories to judge or settings to generate, not both")
        }
        if hasSettings, merging.isGiven {
            throw ValidationError("write the merge options into each --setting, or give no setting")
        }
    }

    func run() throws {
        let folder = try EmbeddedModel.judgeDirectory()
        let judge = try AttributeJudge(directory: folder, compute: compute.configuration)
        let list = try AttributePrompt.read(
            path: prompts ?? "\(folder)/prompts.json", for: judge.configuration)
        let asked = Array(list.prefix(promptCount))
        if directories.isEmpty {
            try draw(asked, judge: judge)
        } else {
            try look(at: asked, of: list.count, judge: judge)
        }
    }

    /// Generates and judges.
    private func draw(_ asked: [AttributePrompt], judge: AttributeJudge) throws {
        let columns = try mergeSettings()
        let (source, modelName) = try model.open()
        let plan = try generation.plan(
            PromptList.entries(arguments: asked.map(\.prompt)), for: RequestCheck(of: source),
            tokenMerging: .none, alternatives: columns.map(\.merging), warn: ConsoleStreams.warn
        ) { request in
            try judge.configuration.check(width: request.width, height: request.height)
        }
        let output = try RunDirectory(preparing: output)
        var results = try columns.map { setting in
            let place =
                columns.count == 1
                ? output
                : try RunDirectory(preparing: output.path(of: setting.fileName))
            return AttributeResults(setting, directory: place)
        }
        let painter = PicturePainter(
            pipeline: try StableDiffusionPipeline(
                model: source, compute: compute.configuration),
            decoder: try LatentDecoder(model: source, compute: compute.configuration))
        for (prompt, request) in zip(asked, plan.requests) {
            for column in results.indices {
                var request = request
                request.tokenMerging = columns[column].merging
                let image = try painter.draw(request).image
                try results[column].write(image, of: prompt, seed: request.seed)
                try results[column].add(
                    image, of: prompt, seed: request.seed, judge: judge)
            }
            ConsoleStreams.standard.writeError("\(prompt.index + 1) of \(asked.count) prompts\n")
        }
        try finish(
            results, judge: judge.configuration, model: modelName,
            facts: plan.requests.first?.facts(compute) ?? [], to: output)
    }

    /// Judges existing pictures.
    private func look(
        at asked: [AttributePrompt], of promptCount: Int, judge: AttributeJudge
    ) throws {
        let folders = try directories.map { try PictureFolder(path: $0) }
        for folder in folders {
            guard let last = folder.numbers.last, last >= promptCount else { continue }
            throw PictureFolderError.beyond(
                path: folder.path, number: last, promptCount: promptCount)
        }
        let numbers = Set(folders.flatMap(\.numbers)).filter { $0 < asked.count }.sorted()
        guard !numbers.isEmpty else {
            throw PictureFolderError.missing(path: folders[0].path, number: 0)
        }
        let output = try RunDirectory(preparing: output)
        let results = try folders.map { folder in
            var result = AttributeResults(folder)
            for prompt in numbers.map({ asked[$0] }) {
                try result.add(try folder.picture(of: prompt), of: prompt, judge: judge)
            }
            return result
        }
        try finish(results, judge: judge.configuration, model: nil, facts: [], to: output)
    }

    private func mergeSettings() throws -> [MergeSetting] {
        var result = try settings.all()
        if result.isEmpty {
            let configuration = merging.configuration
            result = [MergeSetting(name: configuration.method, merging: configuration)]
        }
        try MergeSettingError.check(result, beside: [])
        return result
    }

    private func finish(
        _ results: [AttributeResults], judge: JudgeConfiguration, model: String?, facts: [String],
        to output: RunDirectory
    ) throws {
        let table = AttributeTable(
            names: results.map(\.name), pictures: results.map(\.pictures))
        let record = AttributeRecord(
            table, sources: results.map(\.source), version: ProgramVersion.text, model: model,
            facts: facts)
        try output.replace("attributes.json", bytes: try JSONText.file(record))
        for result in results {
            let name =
                results.count == 1
                ? "worst.png" : "worst-\(MergeSetting.fileName(result.name)).png"
            try result.writeWorst(name, width: judge.width, height: judge.height, to: output)
        }
        print(table.text, terminator: "")
    }
}
