// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ImageCodec
import Requests
import Runs

/// Pictures of a study side by side, as in the paper's Figure 2: a row per prompt, a column per way
/// to merge.
package struct EvidenceSheet: Sendable {
    /// One picture.
    package struct Cell: Sendable {
        package let row: EvidenceRow
        package let request: GenerationRequest
        /// The picture's file.
        package let file: String
        /// To the unmerged picture, in dB; `nil` for that one.
        package let psnr: Double?
        package let ssim: Double?
    }

    package let study: EvidenceStudy
    /// By prompt, then by row of the study.
    package let cells: [[Cell]]

    /// Compares a run's pictures with the unmerged ones.
    ///
    /// - Throws: `EvidenceError` without a picture that all rows have; `PictureFolderError`.
    package init(_ run: EvidenceRun, study: EvidenceStudy) throws {
        self.study = study
        let whole = run.groups.filter { $0.members.count == study.rows.count }
        guard !whole.isEmpty else {
            throw EvidenceError.noRow(path: run.path, study: study.rawValue)
        }
        cells = try whole.map { group in
            let members = study.rows.compactMap { row in group.members.first { $0.row == row } }
            let unmerged = try run.picture(of: members[0].image)
            return try members.enumerated().map { place, member in
                let picture = try run.picture(of: member.image)
                return Cell(
                    row: member.row, request: member.image.request,
                    file: member.image.file ?? "",
                    psnr: place == 0 ? nil : try ImageQuality.psnr(picture, unmerged),
                    ssim: place == 0 ? nil : try ImageQuality.ssim(picture, unmerged))
            }
        }
    }

    /// What is below a picture: the prompt under the unmerged one, the distance under the others.
    private func caption(_ cell: Cell) -> (title: String, detail: String) {
        guard let psnr = cell.psnr, let ssim = cell.ssim else {
            return (cell.request.prompt, "\(cell.row.title) · seed \(cell.request.seed)")
        }
        let distance =
            psnr.isFinite ? "\(TerminalText.decimal(psnr, digits: 1)) dB" : "the same picture"
        return (
            cell.row.title, "\(distance) · SSIM \(TerminalText.decimal(ssim, digits: 3))"
        )
    }

    /// Encodes the sheet as PNG.
    ///
    /// - Parameters:
    ///   - picture: reads a cell's picture.
    ///   - sink: receives the bytes of the file, piece by piece.
    package func write(
        texts: [PNGText], picture: (Cell) throws -> RGBImage, sink: ([UInt8]) throws -> Void
    ) throws {
        let all = cells.flatMap { $0 }
        let sheet = try ContactSheet(
            count: all.count, cellWidth: all[0].request.width, cellHeight: all[0].request.height,
            captions: all.map(caption).map { .init(title: $0.title, detail: $0.detail) },
            style: ContactSheetStyle(rowCount: cells.count))
        try sheet.write(texts: texts, picture: { try picture(all[$0]) }, sink: sink)
    }

    /// The same as a page in the gallery's style.
    ///
    /// - Parameter directory: where the pictures are, relative to the page; ends in a slash.
    package func html(directory: String, facts: [String]) -> String {
        let spans = facts.map { "<span>\(HTMLText.escaped($0))</span>" }.joined()
        let figures = cells.flatMap { $0 }.map { cell in
            let link = directory + HTMLText.link(cell.file)
            let caption = caption(cell)
            return """
                <figure><a href="\(link)"><img src="\(link)" width="\(cell.request.width)" \
                height="\(cell.request.height)" loading="lazy" \
                alt="\(HTMLText.escaped(cell.request.prompt))"></a><figcaption>
                <p class="prompt">\(HTMLText.escaped(caption.title))</p>
                <ul class="facts"><li>\(HTMLText.escaped(caption.detail))</li></ul>
                </figcaption></figure>
                """
        }
        let style = """
            .cards { grid-template-columns: repeat(\(study.rows.count), minmax(0, 360px)) }
            """
        return HTMLPage.text(
            title: study.title, style: GalleryPage.style + "\n" + style,
            body: """
                <header>
                <h1>\(HTMLText.escaped(study.title))</h1>
                <p class="sub">\(spans)</p>
                </header>
                <main class="cards">
                \(figures.joined(separator: "\n"))
                </main>
                """)
    }
}
