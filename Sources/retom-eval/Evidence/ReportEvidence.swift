// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import Runs

/// Writes a study's table from the measurements.
struct ReportEvidence<Choice: StudyChoice>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "report",
            abstract: "Writes the table as Markdown, CSV, page and charts.",
            discussion: """
                The table uses the pictures that were measured in every row: one with few of them \
                is better left out (--row). The page, index.html, \
                and the charts show the same numbers.
                """)
    }

    @OptionGroup var place: EvidenceDataOptions
    @OptionGroup var rows: StudyRowOptions

    @Option(help: ArgumentHelp("Resamples for intervals; 0 for none.", valueName: "count"))
    var replicates = 500

    @Option(name: .shortAndLong, help: ArgumentHelp("Seed of the resamples.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Output directory; replaces earlier results.", valueName: "directory"))
    var output = "out/\(Choice.study.rawValue)"

    func validate() throws {
        guard (0...100_000).contains(replicates) else {
            throw ValidationError("--replicates \(replicates): choose from 0 to 100000")
        }
        _ = try rows.chosen(of: Choice.study)
    }

    func run() throws {
        let rows = try rows.chosen(of: Choice.study)
        let data = try rows.compactMap { try EvidenceData.read(row: $0.id, in: place.data) }
        guard !data.isEmpty else { throw EvidenceError.nothing(path: place.data) }
        guard let reference = try PictureStatistics.reference(in: place.data) else {
            throw EvidenceError.noReference(path: place.data)
        }
        let table = try EvidenceTable(
            Choice.study, rows: rows, data: data, reference: reference,
            times: try EvidenceTimes.read(in: place.data), replicates: replicates, seed: seed)
        let page = EvidencePage(table, version: ProgramVersion.text)
        let output = try RunDirectory(preparing: output)
        let name = Choice.study.rawValue
        try output.replace("\(name).md", bytes: Array(table.markdown.utf8))
        try output.replace("\(name).csv", bytes: Array(table.csv.utf8))
        try output.replace("index.html", bytes: Array(page.html.utf8))
        for chart in page.charts {
            try output.replace(chart.name, bytes: Array(chart.svg.utf8))
        }
        print(table.markdown, terminator: "")
    }
}
