// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ImageCodec
import TokenMerging

/// A study's figures and numbers.
package struct SimilarityFigures {
    private let study: SimilarityStudy

    package init(_ study: SimilarityStudy) { self.study = study }

    /// Figure 3: a row per block, a column per timestep, one colour scale.
    package var heatMaps: RGBImage {
        let lowest = study.heatMaps.flatMap { $0.maps.flatMap(\.values) }.min() ?? 0
        // The scale begins at a tick below all values.
        let start = max((lowest * 4).rounded(.down) / 4, -1)
        return HeatMapSheet(
            title: "Cosine similarity of the tokens of one window",
            rows: study.heatMaps.map { site, maps in
                let side = Int(Double(maps[0].side).squareRoot())
                let label =
                    "block \(site.index): \(site.grid.width)×\(site.grid.height) tokens, "
                    + "window of \(side)×\(side) in the middle"
                return (label, maps)
            }, range: min(start, 0.75)...1, unit: "cos"
        ).rendered()
    }

    /// How far plans agree over the calls, the mean over blocks and pictures, by lag.
    package var agreementChart: RGBImage { chart.rendered() }

    /// The same as an SVG document.
    package var agreementSVG: String { chart.svg() }

    private var chart: LineChart {
        let calls = study.agreements.map(\.callIndex).max() ?? 1
        var series: [LineChart.Series] = []
        for (index, lag) in lags.enumerated() {
            let color = LineChart.colors[index % LineChart.colors.count]
            series.append(
                LineChart.Series(
                    name: "same representative as \(lag) call\(lag == 1 ? "" : "s") before",
                    color: color,
                    points: (lag...max(calls, lag)).map {
                        (Double($0), mean(callIndex: $0, lag: lag))
                    }))
        }
        series.append(
            LineChart.Series(
                name: "by chance", color: .gray(150),
                points: [(0, chance), (Double(calls), chance)]))
        let step = max((calls + 9) / 10, 1)
        return LineChart(
            title: "Windows that keep their representative token",
            xAxis: ChartAxis(
                title: "U-Net call", range: 0...Double(max(calls, 1)),
                ticks: stride(from: 0, through: calls, by: step).map(Double.init)),
            yAxis: ChartAxis(
                title: "share of windows", range: 0...1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
                digits: 1),
            series: series)
    }

    /// One line per call, block and lag: means over the pictures.
    package var agreementCSV: String {
        var text = "call,timestep,block,lag,same_representative,same_sources,chance\n"
        let blocks = Set(study.agreements.map(\.block)).sorted()
        let calls = Set(study.agreements.map(\.callIndex)).sorted()
        for call in calls {
            for block in blocks {
                for lag in lags {
                    let found = study.agreements.filter {
                        $0.callIndex == call && $0.block == block && $0.lag == lag
                    }
                    guard let first = found.first else { continue }
                    let count = Double(found.count)
                    let fields = [
                        "\(call)", "\(first.timestep)", "\(block)", "\(lag)",
                        "\(found.reduce(0) { $0 + $1.representatives } / count)",
                        "\(found.reduce(0) { $0 + $1.sources } / count)",
                        "\(1 / Double(study.windowTokenCounts[block] ?? 1))",
                    ]
                    text += fields.joined(separator: ",") + "\n"
                }
            }
        }
        return text
    }

    /// For people: one line per lag.
    package var summary: String {
        lags.map { lag in
            let found = study.agreements.filter { $0.lag == lag }
            let count = Double(max(found.count, 1))
            let representatives = found.reduce(0) { $0 + $1.representatives } / count
            let sources = found.reduce(0) { $0 + $1.sources } / count
            return "lag \(lag): \(percent(representatives)) of the windows keep their "
                + "representative, \(percent(sources)) of the sources stay\n"
        }.joined() + "by chance \(percent(chance)) keep it\n"
    }

    private var lags: [Int] { Set(study.agreements.map(\.lag)).sorted() }

    /// The agreement of random choices: one over the tokens of a window.
    private var chance: Double {
        let counts = study.windowTokenCounts.values
        return counts.reduce(0) { $0 + 1 / Double($1) } / Double(max(counts.count, 1))
    }

    private func mean(callIndex: Int, lag: Int) -> Double {
        let found = study.agreements.filter { $0.callIndex == callIndex && $0.lag == lag }
        return found.reduce(0) { $0 + $1.representatives } / Double(found.count)
    }

    private func percent(_ share: Double) -> String {
        "\(Int((share * 1000).rounded()) / 10).\(Int((share * 1000).rounded()) % 10) %"
    }
}
