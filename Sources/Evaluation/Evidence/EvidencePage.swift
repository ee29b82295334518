// SPDX-License-Identifier: Apache-2.0

import ImageCodec
import Runs

/// A table as a page for any browser, in the gallery's style, and its charts.
package struct EvidencePage: Sendable {
    private let table: EvidenceTable
    private let version: String

    package init(_ table: EvidenceTable, version: String) {
        self.table = table
        self.version = version
    }

    /// The page; its charts are files beside it.
    package var html: String {
        let spans = table.facts.map { "<span>\(HTMLText.escaped($0))</span>" }.joined()
        let charts = self.charts.map { chart in
            """
            <figure><img src="\(HTMLText.link(chart.name))" \
            alt="\(HTMLText.escaped(chart.title))"></figure>
            """
        }
        var parts = [
            """
            <header>
            <h1>\(HTMLText.escaped(table.study.title))</h1>
            <p class="sub">\(spans)</p>
            </header>
            """, "<h2>Values</h2>", HTMLTable.text(table.heads, table.lines.map(table.cells)),
            "<p class=\"sub\">\(HTMLText.escaped(table.note))</p>",
        ]
        if table.lines.count > 1 {
            parts += [
                "<h2>Differences</h2>",
                HTMLTable.text(
                    table.differenceHeads, table.lines.dropFirst().map(table.differenceCells)),
            ]
        }
        if !table.findings.isEmpty {
            parts += [
                "<h2>Claims of the paper</h2>",
                HTMLTable.text(EvidenceTable.findingHeads, table.findings.map(table.cells)),
            ]
        }
        parts += ["<h2>Charts</h2>", "<div class=\"charts\">"] + charts + ["</div>"]
        parts.append("<footer>Made by \(HTMLText.escaped(version)).</footer>")
        return HTMLPage.text(
            title: table.study.title,
            style: GalleryPage.style + "\n.charts { display: grid; gap: 20px }",
            body: parts.joined(separator: "\n"))
    }

    /// One chart per metric.
    package var charts: [(name: String, title: String, svg: String)] {
        table.metrics.map { metric in
            let entries = table.lines.map { line in
                let value = line.values[metric]
                return IntervalChart.Entry(
                    name: line.row.title, value: value?.value ?? .nan, low: value?.low ?? .nan,
                    high: value?.high ?? .nan, isControl: line.row.published == nil)
            }
            let title = "\(table.study.title), \(metric.title)"
            let chart = IntervalChart(
                title: title,
                unit:
                    "\(metric.title), \(metric.isCost ? "less" : "more") is better; 95 % intervals",
                entries: entries, reference: table.lines[0].values[metric]?.value)
            return ("\(table.study.rawValue)-\(metric.rawValue).svg", title, chart.svg())
        }
    }
}
