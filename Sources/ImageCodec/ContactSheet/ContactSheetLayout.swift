// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The appearance of a contact sheet.
package struct ContactSheetStyle: Sendable, Equatable {
    /// Rows per sheet; `nil` for `round(sqrt(count))`, as A1111 does.
    package var rowCount: Int?
    /// Pixels around every cell.
    package var padding: Int
    /// Lines of the caption's title; 0 for sheets without captions.
    package var titleLineCount: Int
    /// Largest sheet; checked before anything is rendered.
    package var megapixelsMax: Double
    /// The colour between the cells.
    package var background: RGBImage.Color
    /// The colour of the caption's title.
    package var titleColor: RGBImage.Color
    /// The colour of the caption's second part.
    package var detailColor: RGBImage.Color

    /// Creates a style; the defaults are a dark sheet with captions of up to three lines.
    package init(
        rowCount: Int? = nil, padding: Int = 8, titleLineCount: Int = 3,
        megapixelsMax: Double = 50, background: RGBImage.Color = .gray(24),
        titleColor: RGBImage.Color = .gray(232), detailColor: RGBImage.Color = .gray(150)
    ) {
        precondition(padding >= 0 && titleLineCount >= 0 && (rowCount ?? 1) > 0)
        self.rowCount = rowCount
        self.padding = padding
        self.titleLineCount = titleLineCount
        self.megapixelsMax = megapixelsMax
        self.background = background
        self.titleColor = titleColor
        self.detailColor = detailColor
    }
}

/// The positions of all parts of a sheet of `count` cells, in pixels.
package struct ContactSheetLayout: Sendable, Equatable {
    /// Cells that hold pictures.
    package let count: Int
    /// Rows of cells.
    package let rowCount: Int
    /// Cells per row.
    package let columnCount: Int
    /// Width of the part of a cell that holds the picture: the widest picture's.
    package let cellWidth: Int
    /// Height of the part of a cell that holds the picture: the tallest picture's.
    package let cellHeight: Int
    /// Height of the caption below each picture; 0 without captions.
    package let captionHeight: Int
    /// Pixels around every cell.
    package let padding: Int
    /// Pixels per em of the captions.
    package let fontSize: Float

    /// Width of the sheet.
    package var width: Int { padding + columnCount * (cellWidth + padding) }

    /// Height of one row of cells with the padding below it.
    package var bandHeight: Int { cellHeight + captionHeight + padding }

    /// Height of the sheet.
    package var height: Int { padding + rowCount * bandHeight }

    /// Lays out one sheet.
    ///
    /// - Parameters:
    ///   - count: Number of cells; at least 1.
    ///   - cellWidth: Width of the widest picture.
    ///   - cellHeight: Height of the tallest picture.
    ///   - style: Rows, padding, captions and the limit.
    /// - Throws: `sheetTooLarge` before anything is allocated.
    package init(
        count: Int, cellWidth: Int, cellHeight: Int, style: ContactSheetStyle
    ) throws(ImageCodecError) {
        precondition(count > 0 && cellWidth > 0 && cellHeight > 0, "an empty sheet")
        self.count = count
        rowCount = min(count, style.rowCount ?? Int(Double(count).squareRoot().rounded()))
        columnCount = (count + rowCount - 1) / rowCount
        self.cellWidth = cellWidth
        self.cellHeight = cellHeight
        padding = style.padding
        fontSize = ContactSheetLayout.fontSize(cellWidth: cellWidth)
        let lineHeight = CaptionFont(size: fontSize).lineHeight
        // One line more than the title's for the detail, and some space above.
        captionHeight =
            style.titleLineCount == 0 ? 0 : (style.titleLineCount + 1) * lineHeight + lineHeight / 2
        let sides = (1...ImageLimits.sideMax)
        guard
            sides.contains(width), sides.contains(height),
            Double(width) * Double(height) <= style.megapixelsMax * 1e6
        else {
            throw .sheetTooLarge(width: width, height: height, megapixelsMax: style.megapixelsMax)
        }
    }

    /// Pixels per em of the captions: they grow with the pictures, but more slowly, from 11 for
    /// thumbnails through 13 at 256 and 18 at 512 to 26 at 1024.
    static func fontSize(cellWidth: Int) -> Float {
        min(max(13 * (Float(cellWidth) / 256).squareRoot(), 11), 30).rounded()
    }

    /// Splits a batch into as few sheets as the limit allows, filled evenly in order.
    ///
    /// - Returns: The indices of the pictures on each sheet.
    /// - Throws: `sheetTooLarge` if not even one picture fits.
    package static func pages(
        count: Int, cellWidth: Int, cellHeight: Int, style: ContactSheetStyle
    ) throws(ImageCodecError) -> [Range<Int>] {
        func fits(_ count: Int) -> Bool {
            let layout = try? ContactSheetLayout(
                count: count, cellWidth: cellWidth, cellHeight: cellHeight, style: style)
            return layout != nil
        }
        guard count > 0 else { return [] }
        // One that must fit, so that the caller learns why none fits.
        _ = try ContactSheetLayout(
            count: 1, cellWidth: cellWidth, cellHeight: cellHeight, style: style)
        var pageCount = 1
        while !fits((count + pageCount - 1) / pageCount) {
            pageCount += max(1, pageCount / 8)
        }
        return (0..<pageCount).map { page in
            page * count / pageCount..<(page + 1) * count / pageCount
        }.filter { !$0.isEmpty }
    }

    /// The top left corner of a cell's picture part.
    package func origin(of index: Int) -> (x: Int, y: Int) {
        (
            x: padding + index % columnCount * (cellWidth + padding),
            y: padding + index / columnCount * bandHeight
        )
    }
}
