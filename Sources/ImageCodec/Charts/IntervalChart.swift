// SPDX-License-Identifier: Apache-2.0

/// Values with their intervals, a line each, as an SVG document.
package struct IntervalChart: Sendable {
    /// One value.
    package struct Entry: Sendable {
        package let name: String
        package let value: Double
        /// Where the interval begins and ends; without one both are NaN.
        package let low: Double
        package let high: Double
        /// Drawn fainter, as rows to compare with are.
        package let isControl: Bool

        package init(name: String, value: Double, low: Double, high: Double, isControl: Bool) {
            self.name = name
            self.value = value
            self.low = low
            self.high = high
            self.isControl = isControl
        }
    }

    private static let width = 960.0
    private static let fontSize = 15
    private static let ink = "#1c1c1e"
    private static let faintInk = "#66666b"
    private static let lineHeight = 30.0
    private static let top = 64.0
    private static let bottom = 48.0
    private static let right = 32.0

    private let title: String
    private let unit: String
    private let entries: [Entry]
    private let reference: Double?
    private let range: ClosedRange<Double>

    /// - Parameters:
    ///   - unit: what the axis counts, and which direction is better.
    ///   - entries: from top to bottom; values that are not finite are left out.
    ///   - reference: a value to compare with, drawn as a line.
    package init(title: String, unit: String, entries: [Entry], reference: Double? = nil) {
        self.title = title
        self.unit = unit
        self.entries = entries.filter(\.value.isFinite)
        self.reference = reference
        let ends =
            (self.entries.flatMap { [$0.value, $0.low, $0.high] } + [reference ?? .nan])
            .filter(\.isFinite)
        let (low, high) = (ends.min() ?? 0, ends.max() ?? 1)
        let margin = max((high - low) * 0.06, high.magnitude * 1e-3, 1e-6)
        range = low - margin...high + margin
    }

    /// The chart as an SVG document; text stays text.
    package func svg() -> String {
        let height = Self.top + Double(entries.count) * Self.lineHeight + Self.bottom
        let end = height - Self.bottom
        let nameWidth = nameWidth
        var document = SVGDocument(
            width: Int(Self.width), height: Int(height), font: "system-ui, sans-serif",
            fontSize: Self.fontSize)
        document.add(text: title, x: 16, y: 28, color: Self.ink, weight: 600)
        document.add(
            text: unit, x: Self.width - Self.right, y: height - 12, anchor: "end",
            color: Self.faintInk)
        let (ticks, digits) = Self.ticks(range)
        for tick in ticks {
            let x = place(tick)
            document.add(
                """
                <path d="M\(x) \(Self.top - 12)V\(end)" stroke="#e3e3df" fill="none"/>
                """)
            document.add(
                text: ChartAxis.label(tick, digits: digits), x: x, y: end + 18, anchor: "middle",
                color: Self.faintInk)
        }
        if let reference, reference.isFinite {
            document.add(
                """
                <path d="M\(place(reference)) \(Self.top - 12)V\(end)" stroke="\(Self.faintInk)" \
                stroke-dasharray="4 4" fill="none"/>
                """)
        }
        for (index, entry) in entries.enumerated() {
            let y = Self.top + (Double(index) + 0.4) * Self.lineHeight
            let color = entry.isControl ? "#8a8a90" : "#2f6fdb"
            document.add(
                text: entry.name, x: nameWidth - 16, y: y + 5, anchor: "end",
                color: entry.isControl ? Self.faintInk : Self.ink)
            if entry.low.isFinite, entry.high.isFinite {
                document.add(
                    """
                    <path d="M\(place(entry.low)) \(y)H\(place(entry.high))" stroke="\(color)" \
                    stroke-width="3" stroke-linecap="round" opacity=".5" fill="none"/>
                    """)
            }
            document.add(
                """
                <circle cx="\(place(entry.value))" cy="\(y)" r="5" fill="\(color)"/>
                """)
        }
        return document.contents
    }

    /// Room for the longest name, at most two thirds of the chart: a letter is about half as wide
    /// as high.
    private var nameWidth: Double {
        let letters = Double(entries.map(\.name.count).max() ?? 0)
        return min(max(120, letters * 0.54 * Double(Self.fontSize) + 32), Self.width * 2 / 3)
    }

    private func place(_ value: Double) -> Double {
        let share = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        let plot = Self.width - nameWidth - Self.right
        return ((nameWidth + share * plot) * 10).rounded() / 10
    }

    /// Four to eight round numbers in a range, and the decimals they need.
    static func ticks(_ range: ClosedRange<Double>) -> (values: [Double], digits: Int) {
        let length = range.upperBound - range.lowerBound
        var (step, digits) = (1.0, 0)
        while step * 4 > length {
            step /= 10
            digits += 1
        }
        while step * 40 <= length { step *= 10 }
        if step * 20 <= length { step *= 5 } else if step * 8 <= length { step *= 2 }
        let first = (range.lowerBound / step).rounded(.up)
        let last = (range.upperBound / step).rounded(.down)
        return (stride(from: first, through: last, by: 1).map { $0 * step }, digits)
    }
}
