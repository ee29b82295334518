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
        let spans = facts.map { "<span>\(HTMLText.escaped($0))</span>" }.joined()
        return HTMLPage.text(
            title: title, style: GalleryPage.style + "\n" + Self.style,
            body: """
                <header>
                <h1>\(HTMLText.escaped(title))</h1>
                <p class="sub">\(spans)</p>
                </header>
                <h2>Settings</h2>
                \(HTMLTable.text(table.heads, table.summaries.map(table.cells)))
                <p class="sub">\(note) PSNR and SSIM are relative to the unmerged picture of the same \
                prompt and seed; the gain is the paired difference. All numbers: \
                <a href="pictures.csv">pictures.csv</a>, <a href="summary.csv">summary.csv</a>.</p>
                \(pictures)
                """)
    }

    private var note: String {
        let count = table.rows.count
        return count < MeanInterval.countMin
            ? "Means over \(count) \(count == 1 ? "prompt" : "prompts"), too few for intervals."
            : "Means with 95 % confidence intervals over \(count) prompts."
    }

    /// A row of pictures per prompt, the unmerged one first.
    private var pictures: String {
        zip(table.rows, files).map { row, files in
            let cards = zip(row.records, files).enumerated().map { column, pair in
                card(pair.0, file: pair.1, column: column, row: row)
            }
            return """
                <h2>\(HTMLText.escaped(row.request.prompt))</h2>
                <div class="cards">
                \(cards.joined(separator: "\n"))
                </div>
                """
        }.joined(separator: "\n")
    }

    private func card(
        _ record: ComparisonRecord, file: String, column: Int, row: ComparisonTable.Row
    ) -> String {
        let link = HTMLText.link(file)
        let seconds = TerminalText.decimal(record.seconds, digits: 2)
        let detail =
            column == 0
            ? "seed \(row.request.seed) · \(seconds) s" : row.detail(of: record)
        let facts = detail.split(separator: " · ").map {
            "<li>\(HTMLText.escaped(String($0)))</li>"
        }
        return """
            <figure><a href="\(link)"><img src="\(link)" width="\(row.request.width)" \
            height="\(row.request.height)" loading="lazy" \
            alt="\(HTMLText.escaped(row.request.prompt))"></a><figcaption>
            <p class="prompt">\(HTMLText.escaped(table.names[column]))</p>
            <ul class="facts">\(facts.joined())</ul>
            </figcaption></figure>
            """
    }

    /// Beside the gallery's: tables of numbers may be wide.
    private static let style = "td { white-space: nowrap }"
}
