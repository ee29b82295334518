// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension LineChart {
    /// The chart as an SVG document; text stays text.
    package func svg() -> String {
        let (width, height) = (Self.width, Self.height)
        let (bottom, end) = (height - Self.bottom, width - Self.right)
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" \
            font-family="sans-serif" font-size="16">
            """,
            #"<rect width="100%" height="100%" fill="white"/>"#,
            text(title, x: Self.left, y: 32),
            text(yAxis.title, x: Self.left, y: 52, color: .gray(90)),
            text(xAxis.title, x: end, y: bottom + 46, anchor: "end", color: .gray(60)),
        ]
        for (value, label) in yAxis.labelledTicks {
            let y = Self.tenths(place((xAxis.range.lowerBound, value)).y)
            lines.append(
                #"<path d="M\#(Self.left) \#(y)H\#(end)" stroke="\#(hex(.gray(225)))"/>"#)
            lines.append(text(label, x: Self.left - 8, y: y + 5, anchor: "end", color: .gray(60)))
        }
        for (value, label) in xAxis.labelledTicks {
            let x = Self.tenths(place((value, yAxis.range.lowerBound)).x)
            lines.append(#"<path d="M\#(x) \#(bottom)v5" stroke="\#(hex(.gray(120)))"/>"#)
            lines.append(text(label, x: x, y: bottom + 24, anchor: "middle", color: .gray(60)))
        }
        for (index, series) in series.enumerated() {
            lines.append(
                """
                <path d="\(path(series.points))" stroke="\(hex(series.color))" \
                stroke-width="2" fill="none"/>
                """)
            let y = bottom - 4 - 20 * (self.series.count - 1 - index)
            lines.append(
                """
                <path d="M\(Self.left + 16) \(y - 5)h24" stroke="\(hex(series.color))" \
                stroke-width="3"/>
                """)
            lines.append(text(series.name, x: Self.left + 48, y: y, color: .gray(40)))
        }
        return (lines + ["</svg>\n"]).joined(separator: "\n")
    }

    /// Lines between neighbours; values that are not numbers leave a gap.
    private func path(_ points: [(x: Double, y: Double)]) -> String {
        var isDown = false
        var words: [String] = []
        for point in points {
            guard point.y.isFinite else {
                isDown = false
                continue
            }
            let (x, y) = place(point)
            words.append("\(isDown ? "L" : "M")\(Self.tenths(x)) \(Self.tenths(y))")
            isDown = true
        }
        return words.joined()
    }

    private func text(
        _ text: String, x: some Numeric, y: some Numeric, anchor: String = "start",
        color: RGBImage.Color = .black
    ) -> String {
        let safe = text.map { character -> String in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            default: String(character)
            }
        }.joined()
        return """
            <text x="\(x)" y="\(y)" text-anchor="\(anchor)" fill="\(hex(color))">\(safe)</text>
            """
    }

    private func hex(_ color: RGBImage.Color) -> String {
        "#"
            + [color.red, color.green, color.blue].map { byte in
                let digits = String(byte, radix: 16)
                return byte < 16 ? "0" + digits : digits
            }.joined()
    }

    private static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
