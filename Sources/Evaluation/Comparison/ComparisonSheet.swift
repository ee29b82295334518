// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import ImageCodec
import Requests

/// A comparison as one picture: a row of summaries, then a row per prompt, a column per setting.
package struct ComparisonSheet {
    private let sheet: ContactSheet
    private let images: [[RGBImage]]
    private let table: ComparisonTable
    private let columnCount: Int

    /// - Parameters:
    ///   - table: all measurements.
    ///   - images: the pictures of the first rows, by row and column.
    /// - Throws: `sheetTooLarge`.
    package init(table: ComparisonTable, images: [[RGBImage]]) throws(ImageCodecError) {
        self.table = table
        self.images = images
        columnCount = table.names.count
        let size = images.first?.first
        var captions = table.names.map { _ in ContactSheet.Caption(title: "") }
        for (row, _) in zip(table.rows, images) {
            for (column, record) in row.records.enumerated() {
                captions.append(Self.caption(table.names[column], row, record, column))
            }
        }
        sheet = try ContactSheet(
            count: captions.count, cellWidth: size?.width ?? 256, cellHeight: size?.height ?? 256,
            captions: captions, style: Self.style(rowCount: images.count))
    }

    /// Checks, before anything is generated, that a sheet of this size is possible.
    ///
    /// - Throws: `sheetTooLarge`.
    package static func check(
        rowCount: Int, columnCount: Int, width: Int, height: Int
    ) throws(ImageCodecError) {
        _ = try ContactSheetLayout(
            count: (rowCount + 1) * columnCount, cellWidth: width, cellHeight: height,
            style: style(rowCount: rowCount))
    }

    private static func style(rowCount: Int) -> ContactSheetStyle {
        ContactSheetStyle(rowCount: rowCount + 1)
    }

    /// Encodes the sheet as PNG.
    package func write(texts: [PNGText], sink: ([UInt8]) throws -> Void) throws {
        let summaries = table.summaries
        try sheet.write(
            texts: texts,
            picture: { index in
                let (row, column) = index.quotientAndRemainder(dividingBy: columnCount)
                return row == 0 ? panel(summaries[column]) : images[row - 1][column]
            }, sink: sink)
    }

    /// The prompt below unmerged pictures, the effect of merging below the others.
    private static func caption(
        _ name: String, _ row: ComparisonTable.Row, _ record: ComparisonRecord, _ column: Int
    ) -> ContactSheet.Caption {
        guard column > 0 else {
            let seconds = TerminalText.decimal(record.seconds, digits: 2) + " s"
            return ContactSheet.Caption(
                title: row.request.prompt,
                detail: "\(name) · seed \(row.request.seed) · \(seconds)")
        }
        return ContactSheet.Caption(title: name, detail: row.detail(of: record))
    }

    /// A column's summary as a picture.
    private func panel(_ summary: ComparisonSummary) -> RGBImage {
        var panel = RGBImage(
            width: sheet.layout.cellWidth, height: sheet.layout.cellHeight,
            filledWith: .gray(36))
        let cells = table.cells(summary)
        let font = CaptionFont(size: sheet.layout.fontSize)
        let inset = font.lineHeight / 2
        var y = inset
        func add(_ text: String, _ color: RGBImage.Color) {
            let width = Float(panel.width - 2 * inset)
            for line in font.lines(of: text, width: width, lineCountMax: 3) {
                font.draw(line, into: &panel, x: inset, y: y, color: color)
                y += font.lineHeight
            }
        }
        add(cells[0], sheet.style.titleColor)
        y += inset
        let count = summary.seconds.count
        let note = count < MeanInterval.countMin ? "mean" : "mean ± 95 %"
        add("\(count) \(count == 1 ? "picture" : "pictures"), \(note)", sheet.style.detailColor)
        add("\(cells[1]) s", sheet.style.titleColor)
        add("\(cells[2]) as fast", sheet.style.titleColor)
        guard summary.name != table.names[0] else { return panel }
        add("PSNR \(cells[3]) dB", sheet.style.titleColor)
        add("SSIM \(cells[4])", sheet.style.titleColor)
        add("\(cells[6]) of the tokens left", sheet.style.detailColor)
        return panel
    }
}
