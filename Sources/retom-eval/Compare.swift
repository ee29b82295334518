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

/// Generates the same prompts and seeds under several merge settings and measures the costs and
/// savings of merging.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares merge settings on the same prompts and seeds.",
        discussion: """
              retom-eval compare --prompts prompts.txt -o out \\
                --setting "ReToM: --merge retom" --setting "ToMeSD: --merge tome"

            The output directory receives compare.png (a row per prompt, a column per setting, \
            the unmerged pictures first), index.html, pictures.csv and summary.csv. PSNR and SSIM \
            are relative to the unmerged picture; times are of sampling and decoding.
            """)

    @OptionGroup var settings: MergeSettingOptions

    @OptionGroup var prompts: PromptOptions

    @Option(help: ArgumentHelp("Use only the first prompts.", valueName: "count"))
    var promptCount: Int?

    @Option(help: ArgumentHelp("Prompts whose pictures are shown.", valueName: "count"))
    var rows = 8

    @Option(
        help: ArgumentHelp(
            "The setting to compare fidelity with (default: the first).", valueName: "name"))
    var against: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Output directory; replaces earlier results.", valueName: "directory"))
    var output = "out/compare"

    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        try prompts.requireSome()
        if let promptCount, promptCount < 1 {
            throw ValidationError("--prompt-count \(promptCount): choose 1 or more")
        }
        guard rows >= 0 else { throw ValidationError("--rows \(rows): choose 0 or more") }
    }

    func run() throws {
        let settings = try settings.all()
        try MergeSettingError.check(settings)
        let names = [MergeSetting.unmerged.name] + settings.map(\.name)
        _ = try ComparisonTable.column(of: against, in: names)
        let entries = try prompts.entries(first: promptCount, warn: ConsoleStreams.warn)
        let (source, modelName) = try model.with(lorasOf: entries).open()
        let requests = try generation.plan(
            entries, for: RequestCheck(of: source), tokenMerging: .none,
            alternatives: settings.map(\.merging), warn: ConsoleStreams.warn
        ).requests
        let shown = requests.prefix(rows)
        if let first = shown.first {
            try ComparisonSheet.check(
                rowCount: shown.count, columnCount: names.count, width: first.width,
                height: first.height)
        }
        let output = try RunDirectory(preparing: output)
        let compute = compute.configuration
        let comparison = try MergeComparison(
            settings: settings,
            painter: PicturePainter(
                pipeline: StableDiffusionPipeline(model: source, compute: compute),
                decoder: LatentDecoder(model: source, compute: compute)))

        try comparison.warmUp(requests[0])
        var results = ComparisonResults(columns: comparison.columns)
        for (index, request) in requests.enumerated() {
            let row = try comparison.draw(request, index: index)
            try results.add(row, isShown: index < shown.count, to: output)
            ConsoleStreams.standard.writeError("\(index + 1) of \(requests.count) prompts\n")
        }
        let table = try ComparisonTable(
            names: names, rows: results.rows, baseline: against,
            precision: compute.resolve().precision.rawValue,
            model: ModelRecord(of: source, name: modelName))
        try results.write(
            table, title: "Token merging, \(modelName)",
            facts: requests[0].facts(self.compute), to: output)
        print(table.text, terminator: "")
    }
}

/// Results so far: numbers in memory, the shown pictures on disk too.
struct ComparisonResults {
    private(set) var rows: [ComparisonTable.Row] = []
    private let columns: [MergeSetting]
    private var images: [[RGBImage]] = []
    private var files: [[String]] = []

    init(columns: [MergeSetting]) { self.columns = columns }

    mutating func add(
        _ row: MergeComparison.Row, isShown: Bool, to directory: RunDirectory
    ) throws {
        let index = rows.count
        rows.append(ComparisonTable.Row(request: row.request, records: row.records))
        guard isShown else { return }
        let digits = String(index)
        let number = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        var names: [String] = []
        for (column, image) in zip(columns, row.images) {
            let name = "\(number)-\(column.fileName).png"
            try directory.replace(name, bytes: try PNG.encode(image, texts: []))
            names.append(name)
        }
        images.append(row.images)
        files.append(names)
    }

    func write(
        _ table: ComparisonTable, title: String, facts: [String], to directory: RunDirectory
    ) throws {
        try directory.replace("pictures.csv", bytes: Array(table.pictureCSV.utf8))
        try directory.replace("summary.csv", bytes: Array(table.summaryCSV.utf8))
        let page = ComparisonPage(title: title, facts: facts, table: table, files: files)
        try directory.replace("index.html", bytes: Array(page.html.utf8))
        guard !images.isEmpty else { return }
        let sheet = try ComparisonSheet(table: table, images: images)
        try directory.replace("compare.png") { append in
            try sheet.write(
                texts: [PNGText(keyword: "Software", text: ProgramVersion.text)], sink: append)
        }
    }
}
