// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests

/// `index.html`: a run to look at, in any browser, from a disk or a server, without a network.
///
/// Pictures are linked relatively, so the directory may be moved; nothing else is loaded and no
/// script is needed. Every text from outside is escaped, and the page's own policy forbids scripts.
package struct GalleryPage: Sendable {
    private let report: RunReport
    private let shared: SharedSettings

    /// Makes the page of a report.
    package init(report: RunReport) {
        self.report = report
        shared = SharedSettings(report.images.map(\.request))
    }

    /// The page.
    package var html: String {
        let run = report.run
        let title = "\(GalleryPage.count(run.imageCount, "picture")) – \(run.model.name)"
        return HTMLPage.text(
            title: title, style: GalleryPage.style,
            body: """
                \(header)
                \(tiles)
                <main class="cards">
                \(report.images.map(card).joined(separator: "\n"))
                </main>
                \(GalleryPage.workersTable(run.workers))
                \(GalleryPage.settingsList(run))
                \(GalleryPage.footerText(run))
                """)
    }

    private var header: String {
        let run = report.run
        var facts = ["model \(run.model.name)"] + shared.descriptions
        facts.append(GalleryPage.count(run.workers.count, "worker"))
        facts.append(GalleryPage.date(run.startedAt))
        let spans = facts.map { "<span>\(HTMLText.escaped($0))</span>" }.joined()
        return """
            <header>
            <h1>\(GalleryPage.count(run.imageCount, "picture"))</h1>
            <p class="sub">\(spans)</p>
            </header>
            """
    }

    private var tiles: String {
        let run = report.run
        var tiles = [("\(run.writtenCount) of \(run.imageCount)", "written")]
        if run.failedCount > 0 { tiles.append(("\(run.failedCount)", "failed")) }
        // Between two sessions nobody sampled, and of one that was killed the bytes are unknown.
        let isOneSession = run.sessionCount == 1
        tiles.append(
            (GalleryPage.seconds(run.wallSeconds), isOneSession ? "in all" : "in all, with pauses"))
        if run.writtenCount > 0, isOneSession {
            tiles.append(
                (GalleryPage.seconds(run.wallSeconds / Double(run.writtenCount)), "per picture"))
        }
        let share = TerminalText.decimal(run.decodeShare * 100, digits: 1)
        tiles.append(("\(share) %", "of the work is decoding"))
        if run.wire.latents > 0, run.writtenCount > 0, isOneSession {
            let each = run.wire.compressedLatents / run.writtenCount
            tiles.append((GalleryPage.bytes(each), "of latents per picture"))
        }
        let cells = tiles.map { "<div><b>\($0.0)</b><span>\($0.1)</span></div>" }.joined()
        return "<section class=\"tiles\">\(cells)</section>"
    }

    private func card(_ image: ImageRecord) -> String {
        let request = image.request
        let negative =
            shared.hasOneNegativePrompt || request.negativePrompt.isEmpty
            ? "" : "<p class=\"not\">not: \(HTMLText.escaped(request.negativePrompt))</p>\n"
        let facts = facts(of: image).map { "<li>\(HTMLText.escaped($0))</li>" }.joined()
        let prompt = request.prompt.isEmpty ? "(no prompt)" : request.prompt
        return """
            <figure\(image.status == .failed ? " class=\"failed\"" : "") id="image-\(image.number)">
            \(picture(of: image))
            <figcaption>
            <p class="prompt" dir="auto">\(HTMLText.escaped(prompt))</p>
            \(negative)<ul class="facts"\(breakdown(of: image))>\(facts)</ul>
            </figcaption>
            </figure>
            """
    }

    private func picture(of image: ImageRecord) -> String {
        let request = image.request
        if image.status == .written, let file = image.file {
            let link = HTMLText.link(file)
            return """
                <a href="\(link)"><img src="\(link)" width="\(request.width)" \
                height="\(request.height)" loading="lazy" decoding="async" \
                alt="\(HTMLText.escaped(request.prompt))"></a>
                """
        }
        let shape = "style=\"aspect-ratio: \(request.width) / \(request.height)\""
        guard image.status == .failed else {
            return "<div class=\"void waiting\" \(shape)><p>not finished yet</p></div>"
        }
        let reason = image.reasons.last ?? "no reason was given"
        let attempts = GalleryPage.count(image.attempts, "attempt")
        return """
            <div class="void" \(shape)><p><b>Failed after \(attempts)</b>\
            \(HTMLText.escaped(reason))</p></div>
            """
    }

    private func facts(of image: ImageRecord) -> [String] {
        var facts = ["#\(image.number)", "seed \(image.request.seed)"]
        facts += shared.differences(of: image.request)
        if let worker = image.worker { facts.append(worker) }
        if let timings = image.timings { facts.append(GalleryPage.seconds(timings.totalSeconds)) }
        if image.attempts > 1, image.status == .written {
            facts.append("\(image.attempts) attempts")
        }
        return facts
    }

    /// Where the time went, for those who point at it.
    private func breakdown(of image: ImageRecord) -> String {
        guard let timings = image.timings else { return "" }
        let parts = [
            "text \(GalleryPage.seconds(timings.textSeconds))",
            "sampling \(GalleryPage.seconds(timings.samplingSeconds))",
            "decoding \(GalleryPage.seconds(timings.decodingSeconds))",
        ]
        return " title=\"\(parts.joined(separator: ", "))\""
    }
}
