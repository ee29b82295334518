// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import EmbeddedModel
import Evaluation
import FoundationEssentials
import GenerationTypes
import ProcessSupport
import Requests
import StableDiffusion

/// Writes the prompt file of a study.
struct PlanEvidence<Choice: StudyChoice>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "plan",
            abstract: "Writes a prompt file for retom-coord.",
            discussion: """
                Every row gets the same prompts and seeds. Picture i has prompt i modulo the number \
                of prompts, and seed + i, so that a plan can be continued with --from.
                """)
    }

    @OptionGroup var prompts: StudyPromptOptions

    @Option(help: ArgumentHelp("Pictures per row.", valueName: "count"))
    var images = 2000

    @Option(help: ArgumentHelp("The first picture.", valueName: "index"))
    var from = 0

    @OptionGroup var rows: StudyRowOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The prompt file; - is standard output.", valueName: "file"))
    var output = "-"

    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions

    func validate() throws {
        guard images > 0, from >= 0, from + images <= Int(EvidenceRow.seedSpan) else {
            throw ValidationError(
                "--from \(from) --images \(images): choose 1 to \(EvidenceRow.seedSpan) pictures")
        }
        _ = try rows.chosen(of: Choice.study)
    }

    func run() throws {
        let study = try StudyRequests(
            prompts: prompts, generation: generation, model: model,
            rows: try rows.chosen(of: Choice.study))
        let requests = study.plan.requests(from..<from + images, of: study.requests)
        let text = EvidencePlan.promptFile(requests)
        guard output != "-" else {
            print(text, terminator: "")
            return
        }
        do {
            try Data(text.utf8).write(to: URL(filePath: output), options: .atomic)
        } catch {
            throw ValidationError("cannot write \(output); choose another file with -o")
        }
        ConsoleStreams.standard.writeError(
            "\(requests.count) pictures: \(study.plan.rows.count) rows, \(images) each\n")
    }
}

/// Which rows of a study.
struct StudyRowOptions: ParsableArguments {
    @Option(
        name: .customLong("row"), parsing: .upToNextOption,
        help: ArgumentHelp("Only these rows, and the unmerged one (default: all).", valueName: "id")
    )
    var ids: [String] = []

    /// - Throws: `ValidationError` for a row that the study lacks.
    func chosen(of study: EvidenceStudy) throws -> [EvidenceRow] {
        let known = study.rows.map(\.id)
        for id in ids where !known.contains(id) {
            throw ValidationError("--row \(id): choose from \(known.joined(separator: ", "))")
        }
        return ids.isEmpty
            ? study.rows : study.rows.filter { ids.contains($0.id) || $0 == .unmerged }
    }
}

/// The prompts of a study.
struct StudyPromptOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A prompt file (default: the 200 captions that the embedded model's judge knows).",
            valueName: "file"))
    var prompts: String?

    @Option(
        help: ArgumentHelp(
            "A file with a class name per line, such as ImageNet's 1,000.", valueName: "file"))
    var classes: String?

    @Option(help: ArgumentHelp("The prompt of a class.", valueName: "text"))
    var classPrompt = "a photo of a {class}"

    func validate() throws {
        if prompts != nil, classes != nil {
            throw ValidationError("give --prompts or --classes, not both")
        }
        guard classPrompt.contains("{class}") else {
            throw ValidationError("--class-prompt must contain {class}")
        }
    }

    /// The prompts.
    ///
    /// - Parameter isEmbedded: whether the embedded model generates them.
    func entries(isEmbedded: Bool) throws -> [PromptEntry] {
        if let prompts {
            return try PromptList.read(path: prompts).entries
        }
        if let classes {
            guard let bytes = try? InputFile.read(classes, byteCountMax: 1 << 20),
                let text = String(validating: bytes, as: UTF8.self)
            else { throw ValidationError("cannot read class names from \(classes)") }
            let names = text.split(whereSeparator: \.isNewline).map(String.init)
            return PromptList.entries(
                arguments: names.map { classPrompt.replacing("{class}", with: $0) })
        }
        guard isEmbedded else {
            throw ValidationError("give prompts with --prompts or --classes")
        }
        return PromptList.entries(arguments: try AttributePrompt.embedded().map(\.prompt))
    }
}

extension AttributePrompt {
    /// The captions that come with the judge.
    static func embedded() throws -> [AttributePrompt] {
        let folder = try EmbeddedModel.judgeDirectory()
        let judge = try ModelDirectory(path: folder).configuration(
            JudgeConfiguration.self, component: ".", file: "judge.json")
        return try read(path: "\(folder)/prompts.json", for: judge)
    }
}

/// The requests of a study's pictures, checked against the model.
struct StudyRequests {
    let plan: EvidencePlan
    /// One per prompt, without merging.
    let requests: [GenerationRequest]
    let source: any ModelSource
    let modelName: String

    /// - Throws: `PromptListError` and errors of the model's files.
    init(
        prompts: StudyPromptOptions, generation: GenerationOptions, model: ModelOptions,
        rows: [EvidenceRow]
    ) throws {
        var generation = generation
        // As in the paper, unless options say otherwise.
        generation.steps = generation.steps ?? 50
        generation.cfgScale = generation.cfgScale ?? 7.5
        generation.seed = generation.seed ?? "0"
        let entries = try prompts.entries(isEmbedded: model.model == nil)
        guard !entries.isEmpty else { throw EvidenceError.noPrompts }
        (source, modelName) = try model.with(lorasOf: entries).open()
        let planned = try generation.plan(
            entries, for: RequestCheck(of: source), tokenMerging: .none,
            alternatives: rows.map(\.merging), warn: ConsoleStreams.warn)
        requests = planned.requests
        plan = EvidencePlan(rows: rows, seed: planned.baseSeed)
    }
}
