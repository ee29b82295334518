// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Curves over one axis as a picture.
package struct LineChart: Sendable {
    /// One curve.
    package struct Series: Sendable {
        package var name: String
        package var color: RGBImage.Color
        /// By x; values that are not numbers leave a gap.
        package var points: [(x: Double, y: Double)]

        package init(name: String, color: RGBImage.Color, points: [(x: Double, y: Double)]) {
            self.name = name
            self.color = color
            self.points = points
        }
    }

    /// Six colours that everyone can distinguish (Okabe and Ito).
    package static let colors: [RGBImage.Color] = [
        .init(red: 0, green: 114, blue: 178), .init(red: 213, green: 94, blue: 0),
        .init(red: 0, green: 158, blue: 115), .init(red: 204, green: 121, blue: 167),
        .init(red: 230, green: 159, blue: 0), .init(red: 86, green: 180, blue: 233),
    ]

    /// The title at the top.
    package let title: String
    package let xAxis: ChartAxis
    package let yAxis: ChartAxis
    package let series: [Series]

    static let width = 960
    static let height = 560
    static let left = 76
    static let top = 60
    static let right = 24
    static let bottom = 64

    package init(title: String, xAxis: ChartAxis, yAxis: ChartAxis, series: [Series]) {
        self.title = title
        self.xAxis = xAxis
        self.yAxis = yAxis
        self.series = series
    }

    /// Draws the chart.
    package func rendered() -> RGBImage {
        var image = RGBImage(width: Self.width, height: Self.height, filledWith: .gray(255))
        let font = CaptionFont(size: 16)
        font.draw(title, into: &image, x: Self.left, y: 18, color: .black)
        drawGrid(into: &image, font: font)
        for series in series {
            for (start, end) in zip(series.points, series.points.dropFirst())
            where start.y.isFinite && end.y.isFinite {
                drawLine(place(start), place(end), series.color, into: &image)
            }
        }
        drawLegend(into: &image, font: font)
        return image
    }

    /// The position of a point on the picture.
    func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
        let plotWidth = Double(Self.width - Self.left - Self.right)
        let plotHeight = Double(Self.height - Self.top - Self.bottom)
        return (
            Double(Self.left) + xAxis.share(point.x) * plotWidth,
            Double(Self.top) + (1 - yAxis.share(point.y)) * plotHeight
        )
    }

    private func drawGrid(into image: inout RGBImage, font: CaptionFont) {
        let bottom = Self.height - Self.bottom
        for (value, text) in yAxis.labelledTicks {
            let y = Int(place((xAxis.range.lowerBound, value)).y.rounded())
            image.fill(
                x: Self.left, y: y, width: Self.width - Self.left - Self.right, height: 1,
                with: .gray(225))
            font.draw(
                text, into: &image, x: Self.left - 8 - Int(font.width(of: text)),
                y: y - font.lineHeight / 2, color: .gray(60))
        }
        for (value, text) in xAxis.labelledTicks {
            let x = Int(place((value, yAxis.range.lowerBound)).x.rounded())
            image.fill(x: x, y: bottom, width: 1, height: 5, with: .gray(120))
            font.draw(
                text, into: &image, x: x - Int(font.width(of: text) / 2), y: bottom + 8,
                color: .gray(60))
        }
        font.draw(
            xAxis.title, into: &image,
            x: Self.width - Self.right - Int(font.width(of: xAxis.title)),
            y: bottom + 10 + font.lineHeight, color: .gray(60))
        font.draw(
            yAxis.title, into: &image, x: Self.left, y: 18 + font.lineHeight, color: .gray(90))
    }

    private func drawLegend(into image: inout RGBImage, font: CaptionFont) {
        var y = Self.height - Self.bottom - 12 - series.count * font.lineHeight
        for series in series {
            image.fill(
                x: Self.left + 16, y: y + font.lineHeight / 2 - 1, width: 24, height: 3,
                with: series.color)
            font.draw(series.name, into: &image, x: Self.left + 48, y: y, color: .gray(40))
            y += font.lineHeight
        }
    }

    /// A line two pixels wide with soft edges.
    private func drawLine(
        _ start: (x: Double, y: Double), _ end: (x: Double, y: Double), _ color: RGBImage.Color,
        into image: inout RGBImage
    ) {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let lengthSquared = max(dx * dx + dy * dy, 1e-9)
        let rows = Int(min(start.y, end.y)) - 2...Int(max(start.y, end.y)) + 2
        let columns = Int(min(start.x, end.x)) - 2...Int(max(start.x, end.x)) + 2
        for row in rows where (0..<image.height).contains(row) {
            for column in columns where (0..<image.width).contains(column) {
                let (px, py) = (Double(column) - start.x, Double(row) - start.y)
                let along = min(max((px * dx + py * dy) / lengthSquared, 0), 1)
                let (ex, ey) = (px - along * dx, py - along * dy)
                let cover = min(max(1.5 - (ex * ex + ey * ey).squareRoot(), 0), 1)
                guard cover > 0 else { continue }
                image[column, row] = image[column, row].mixed(with: color, share: cover)
            }
        }
    }
}

/// The range and labels of a chart's axis.
package struct ChartAxis: Sendable {
    package var title: String
    package var range: ClosedRange<Double>
    /// Positions of the numbers.
    package var ticks: [Double]
    /// Decimals of the numbers.
    package var digits: Int
    /// Labels that replace the numbers, as on a logarithmic axis.
    package var labels: [String]?

    package init(
        title: String, range: ClosedRange<Double>, ticks: [Double], digits: Int = 0,
        labels: [String]? = nil
    ) {
        precondition(range.upperBound > range.lowerBound, "an axis of no length")
        precondition(labels.map { $0.count == ticks.count } ?? true, "a label for each tick")
        self.title = title
        self.range = range
        self.ticks = ticks
        self.digits = digits
        self.labels = labels
    }

    /// Positions and labels.
    var labelledTicks: [(value: Double, text: String)] {
        ticks.enumerated().map { index, value in
            (value, labels?[index] ?? Self.label(value, digits: digits))
        }
    }

    /// The position of a value on the axis, 0…1.
    func share(_ value: Double) -> Double {
        (value - range.lowerBound) / (range.upperBound - range.lowerBound)
    }

    /// A number with a fixed count of decimals.
    static func label(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((value.magnitude * scale).rounded())
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let fraction = String(whole % Int(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(sign)\(whole / Int(scale)).\(zeros)\(fraction)"
    }
}

extension RGBImage.Color {
    /// This colour blended with another over it, 0 (this) to 1 (the other).
    func mixed(with other: RGBImage.Color, share: Double) -> RGBImage.Color {
        func mix(_ below: UInt8, _ above: UInt8) -> UInt8 {
            UInt8((Double(below) + (Double(above) - Double(below)) * share).rounded())
        }
        return RGBImage.Color(
            red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }
}
