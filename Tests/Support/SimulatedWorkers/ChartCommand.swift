// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import GenerationTypes
import ImageCodec

/// Plots the measurements of `scripts/scaling`.
struct ChartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chart",
        abstract: "Plot efficiency over the number of workers as PNG and SVG.",
        discussion: "The table has lines of 'series TAB workers TAB efficiency in percent'.")

    @Option(help: "The table.")
    var table: String
    @Option(help: "Path of the pictures, without .png and .svg.")
    var output: String
    @Option(help: "Title of the chart.")
    var title: String

    func run() throws {
        let text = try String(contentsOfFile: table, encoding: .utf8)
        var names: [String] = []
        var points: [String: [(x: Double, y: Double)]] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: "\t").map(String.init)
            guard words.count == 3, let workers = Double(words[1]), workers >= 1,
                let efficiency = Double(words[2])
            else { throw ValidationError("\(table): '\(line)' is not series, workers, percent") }
            if points[words[0]] == nil { names.append(words[0]) }
            points[words[0], default: []].append((log2(workers), efficiency))
        }
        let widest = points.values.joined().map(\.x).max() ?? 0
        let ticks = Array(stride(from: 0, through: max(1, widest.rounded(.up)), by: 1))
        let chart = LineChart(
            title: title,
            xAxis: ChartAxis(
                title: "workers", range: 0...ticks[ticks.count - 1], ticks: ticks,
                labels: ticks.map { "\(1 << Int($0))" }),
            yAxis: ChartAxis(
                title: "efficiency, % of ideal", range: 0...110,
                ticks: [0, 20, 40, 60, 80, 100]),
            series: names.enumerated().map { index, name in
                LineChart.Series(
                    name: name, color: LineChart.colors[index % LineChart.colors.count],
                    points: points[name] ?? [])
            })
        try Data(try PNG.encode(chart.rendered())).write(to: URL(fileURLWithPath: output + ".png"))
        try Data(chart.svg().utf8).write(to: URL(fileURLWithPath: output + ".svg"))
    }
}
