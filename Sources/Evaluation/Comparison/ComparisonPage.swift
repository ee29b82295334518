// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import Runs

/// A comparison as a page for any browser: no network, no scripts.
package struct ComparisonPage: Sendable {
    private let title: String
    private let facts: [String]
    private let table: ComparisonTable
    private let files: [[String]]

    /// - Parameters:
    ///   - title: the page's title.
    ///   - facts: the facts shared by all pictures, for people.
    ///   - table: all measurements.
    ///   - files: names of the pictures of the first rows, by row and column.
    package init(title: String, facts: [String], table: ComparisonTable, files: [[String]]) {
        self.title = title
        self.facts = facts
        self.table = table
        self.files = files
    }

    /// The page.
    package var html: String {
        HTMLPage.text(
            title: title, style: Self.style,
            body: """
                <h1>\(HTMLText.escaped(title))</h1>
                <p>\(HTMLText.escaped(facts.joined(separator: " · ")))</p>
                \(summaryTable)
                <p>Means with 95 % confidence intervals over \(table.rows.count) prompts. PSNR and SSIM \
                are relative to the unmerged picture of the same prompt and seed; the gain is the \
                paired difference. All numbers: <a href="pictures.csv">pictures.csv</a>, \
                <a href="summary.csv">summary.csv</a>.</p>
                \(pictureTable)
                """)
    }

    private var summaryTable: String {
        let heads = [
            "Setting", "s/image", "Speed-up", "PSNR dB", "SSIM",
            "Gain over \(table.names[table.baseline]), dB", "Tokens left",
        ]
        let rows = table.summaries.map { summary in
            "<tr>" + table.cells(summary).map { "<td>\(HTMLText.escaped($0))</td>" }.joined()
                + "</tr>"
        }
        return """
            <table class="numbers">
            <tr>\(heads.map { "<th>\(HTMLText.escaped($0))</th>" }.joined())</tr>
            \(rows.joined(separator: "\n"))
            </table>
            """
    }

    private var pictureTable: String {
        let heads = table.names.map { "<th>\(HTMLText.escaped($0))</th>" }.joined()
        let rows = zip(table.rows, files).map { row, files in
            let cells = zip(row.records, files).enumerated().map { column, pair in
                cell(pair.0, file: pair.1, isUnmerged: column == 0, row: row)
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return """
            <div class="wide"><table class="pictures">
            <tr>\(heads)</tr>
            \(rows.joined(separator: "\n"))
            </table></div>
            """
    }

    private func cell(
        _ record: ComparisonRecord, file: String, isUnmerged: Bool, row: ComparisonTable.Row
    ) -> String {
        let link = HTMLText.link(file)
        let seconds = TerminalText.decimal(record.seconds, digits: 2)
        let detail =
            isUnmerged
            ? "\(row.request.prompt) · seed \(row.request.seed) · \(seconds) s"
            : row.detail(of: record)
        return """
            <td><a href="\(link)"><img src="\(link)" width="\(row.request.width)" \
            height="\(row.request.height)" loading="lazy" \
            alt="\(HTMLText.escaped(row.request.prompt))"></a>\
            <p>\(HTMLText.escaped(detail))</p></td>
            """
    }

    private static let style = """
        :root { color-scheme: light dark }
        body { margin: 24px; font: 15px/1.4 system-ui, sans-serif }
        h1 { font-size: 24px }
        table { border-collapse: collapse }
        th, td { padding: 6px 12px; text-align: left; vertical-align: top }
        .numbers td + td, .numbers th + th { text-align: right;
          font-variant-numeric: tabular-nums; white-space: nowrap }
        .numbers tr + tr { border-top: 1px solid #8884 }
        .wide { overflow-x: auto }
        .pictures img { display: block; max-width: 256px; height: auto }
        .pictures p { margin: 4px 0 0; max-width: 256px; font-size: 13px; opacity: .75 }
        """
}
