// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Pictures in rows and columns on one PNG, in row-major order, with captions below them.
///
/// The sheet is encoded one row of cells at a time and requests pictures when it needs them, so
/// that a sheet of hundreds of pictures needs the memory of one row.
package struct ContactSheet: Sendable {
    /// The caption below a picture.
    package struct Caption: Sendable, Equatable {
        /// Wrapped over the style's number of lines: the prompt.
        package var title: String
        /// One dimmer line: number and seed.
        package var detail: String

        /// Creates a caption.
        package init(title: String, detail: String = "") {
            self.title = title
            self.detail = detail
        }
    }

    /// The positions of all parts.
    package let layout: ContactSheetLayout
    /// Colours and numbers of lines.
    package let style: ContactSheetStyle
    /// One per cell; may be empty for a sheet without captions.
    package let captions: [Caption]

    /// Plans a sheet.
    ///
    /// - Parameters:
    ///   - count: Number of cells; at least 1.
    ///   - cellWidth: Width of the widest picture.
    ///   - cellHeight: Height of the tallest picture.
    ///   - captions: One per cell, or none: then no space is reserved for them.
    ///   - style: Rows, padding, colours and the limit.
    /// - Throws: `sheetTooLarge`, before anything is rendered.
    package init(
        count: Int, cellWidth: Int, cellHeight: Int, captions: [Caption] = [],
        style: ContactSheetStyle = ContactSheetStyle()
    ) throws(ImageCodecError) {
        precondition(captions.isEmpty || captions.count == count, "one caption per cell")
        var style = style
        // No more room than the longest caption needs.
        let font = CaptionFont(size: ContactSheetLayout.fontSize(cellWidth: cellWidth))
        style.titleLineCount = captions.reduce(0) { [lineCountMax = style.titleLineCount] in
            max(
                $0,
                font.lines(of: $1.title, width: Float(cellWidth), lineCountMax: lineCountMax).count)
        }
        layout = try ContactSheetLayout(
            count: count, cellWidth: cellWidth, cellHeight: cellHeight, style: style)
        self.style = style
        self.captions = captions
    }

    /// Encodes the sheet as PNG.
    ///
    /// - Parameters:
    ///   - texts: Text chunks of the file.
    ///   - picture: Called once per cell, in order; `nil` leaves the cell black. Pictures larger
    ///     than the cell are clipped, smaller ones are centred.
    ///   - sink: Receives the bytes of the file, piece by piece.
    package func write(
        texts: [PNGText] = [], picture: (Int) throws -> RGBImage?, sink: ([UInt8]) throws -> Void
    ) throws {
        var writer = try PNGWriter(width: layout.width, height: layout.height, texts: texts)
        if layout.padding > 0 {
            try writer.append(
                RGBImage(width: layout.width, height: layout.padding, filledWith: style.background))
        }
        for row in 0..<layout.rowCount {
            try writer.append(band(row, picture: picture))
            try sink(writer.takeBytes())
        }
        try writer.finish()
        try sink(writer.takeBytes())
    }

    /// Encodes the sheet as PNG in memory.
    package func encoded(
        texts: [PNGText] = [], picture: (Int) throws -> RGBImage?
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try write(texts: texts, picture: picture) { bytes += $0 }
        return bytes
    }

    /// One row of cells with their captions and the padding below.
    private func band(_ row: Int, picture: (Int) throws -> RGBImage?) throws -> RGBImage {
        var band = RGBImage(
            width: layout.width, height: layout.bandHeight, filledWith: style.background)
        for column in 0..<layout.columnCount {
            let index = row * layout.columnCount + column
            let x = layout.padding + column * (layout.cellWidth + layout.padding)
            // Past the last picture the sheet's background shows; black is for failed pictures.
            guard index < layout.count else { continue }
            band.fill(x: x, y: 0, width: layout.cellWidth, height: layout.cellHeight, with: .black)
            if let image = try picture(index) {
                let fitted = cropped(image)
                band.draw(
                    fitted, x: x + (layout.cellWidth - fitted.width) / 2,
                    y: (layout.cellHeight - fitted.height) / 2)
            }
            if !captions.isEmpty { drawCaption(captions[index], into: &band, x: x) }
        }
        return band
    }

    private func cropped(_ image: RGBImage) -> RGBImage {
        guard image.width > layout.cellWidth || image.height > layout.cellHeight else {
            return image
        }
        var result = RGBImage(
            width: min(image.width, layout.cellWidth), height: min(image.height, layout.cellHeight))
        result.draw(
            image, x: (result.width - image.width) / 2, y: (result.height - image.height) / 2)
        return result
    }

    private func drawCaption(_ caption: Caption, into band: inout RGBImage, x: Int) {
        let font = CaptionFont(size: layout.fontSize)
        let width = Float(layout.cellWidth)
        var y = layout.cellHeight + font.lineHeight / 4
        let lines = font.lines(
            of: caption.title, width: width, lineCountMax: style.titleLineCount)
        for line in lines {
            font.draw(line, into: &band, x: x, y: y, color: style.titleColor)
            y += font.lineHeight
        }
        for line in font.lines(of: caption.detail, width: width, lineCountMax: 1) {
            font.draw(line, into: &band, x: x, y: y, color: style.detailColor)
        }
    }
}
