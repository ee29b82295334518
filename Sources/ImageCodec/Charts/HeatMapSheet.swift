// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Square matrices as heat maps in rows and columns on one picture, with one colour scale for all.
package struct HeatMapSheet: Sendable {
    /// One matrix.
    package struct Map: Sendable {
        /// The label above it.
        package var title: String
        /// Row by row.
        package var values: [Double]
        /// Rows and columns.
        package var side: Int

        package init(title: String, values: [Double], side: Int) {
            precondition(side > 0 && values.count == side * side, "a map of \(side)²")
            self.title = title
            self.values = values
            self.side = side
        }
    }

    /// The title at the top.
    package let title: String
    /// Rows of maps, each with its label.
    package let rows: [(label: String, maps: [Map])]
    /// The values of the first and the last colour.
    package let range: ClosedRange<Double>
    /// The meaning of the colours.
    package let unit: String

    private static let mapSide = 288
    private static let gap = 24
    private static let scaleWidth = 24

    package init(
        title: String, rows: [(label: String, maps: [Map])], range: ClosedRange<Double>,
        unit: String
    ) {
        precondition(!rows.isEmpty && !rows[0].maps.isEmpty, "no maps")
        self.title = title
        self.rows = rows
        self.range = range
        self.unit = unit
    }

    /// Draws the sheet.
    package func rendered() -> RGBImage {
        let font = CaptionFont(size: 16)
        let (side, gap) = (Self.mapSide, Self.gap)
        let columnCount = rows.map(\.maps.count).max() ?? 1
        let head = gap + font.lineHeight + gap
        let band = 2 * font.lineHeight + side + gap
        let scaleX = gap + columnCount * (side + gap)
        var image = RGBImage(
            width: scaleX + Self.scaleWidth + 90, height: head + rows.count * band,
            filledWith: .gray(255))
        font.draw(title, into: &image, x: gap, y: gap, color: .black)
        for (index, row) in rows.enumerated() {
            let y = head + index * band
            font.draw(row.label, into: &image, x: gap, y: y, color: .gray(90))
            for (column, map) in row.maps.enumerated() {
                let x = gap + column * (side + gap)
                font.draw(map.title, into: &image, x: x, y: y + font.lineHeight, color: .black)
                draw(map, into: &image, x: x, y: y + 2 * font.lineHeight)
            }
        }
        drawScale(into: &image, x: scaleX, y: head + 2 * font.lineHeight, font: font)
        return image
    }

    private func draw(_ map: Map, into image: inout RGBImage, x: Int, y: Int) {
        for row in 0..<map.side {
            let top = row * Self.mapSide / map.side
            let bottom = (row + 1) * Self.mapSide / map.side
            for column in 0..<map.side {
                let left = column * Self.mapSide / map.side
                let right = (column + 1) * Self.mapSide / map.side
                image.fill(
                    x: x + left, y: y + top, width: right - left, height: bottom - top,
                    with: color(map.values[row * map.side + column]))
            }
        }
    }

    private func color(_ value: Double) -> RGBImage.Color {
        let width = range.upperBound - range.lowerBound
        return ColorScale.viridis.color((value - range.lowerBound) / width)
    }

    private func drawScale(into image: inout RGBImage, x: Int, y: Int, font: CaptionFont) {
        let side = Self.mapSide
        let width = range.upperBound - range.lowerBound
        for step in 0..<side {
            let share = 1 - Double(step) / Double(side - 1)
            image.fill(
                x: x, y: y + step, width: Self.scaleWidth, height: 1,
                with: color(range.lowerBound + share * width))
        }
        let first = Int((range.lowerBound * 4).rounded(.up))
        let last = Int((range.upperBound * 4).rounded(.down))
        for tick in first...max(first, last) {
            let share = (Double(tick) / 4 - range.lowerBound) / width
            let text = ChartAxis.label(Double(tick) / 4, digits: 2)
            let tickY = y + Int(((1 - share) * Double(side - 1)).rounded())
            image.fill(x: x + Self.scaleWidth, y: tickY, width: 5, height: 1, with: .black)
            font.draw(
                text, into: &image, x: x + Self.scaleWidth + 9, y: tickY - font.lineHeight / 2,
                color: .black)
        }
        font.draw(
            unit, into: &image, x: x, y: y - font.lineHeight - font.lineHeight / 4, color: .black)
    }
}
