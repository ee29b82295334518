// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension LineChart {
    /// The chart as an SVG document; text stays text.
    package func svg() -> String {
        let (left, end) = (Double(Self.left), Double(Self.width - Self.right))
        let bottom = Double(Self.height - Self.bottom)
        var document = SVGDocument(
            width: Self.width, height: Self.height, font: "sans-serif", fontSize: 16)
        document.add(text: title, x: left, y: 32, color: hex(.black))
        document.add(text: yAxis.title, x: left, y: 52, color: hex(.gray(90)))
        document.add(
            text: xAxis.title, x: end, y: bottom + 46, anchor: "end", color: hex(.gray(60)))
        for (value, label) in yAxis.labelledTicks {
            let y = Self.tenths(place((xAxis.range.lowerBound, value)).y)
            document.add(#"<path d="M\#(left) \#(y)H\#(end)" stroke="\#(hex(.gray(225)))"/>"#)
            document.add(
                text: label, x: left - 8, y: y + 5, anchor: "end", color: hex(.gray(60)))
        }
        for (value, label) in xAxis.labelledTicks {
            let x = Self.tenths(place((value, yAxis.range.lowerBound)).x)
            document.add(#"<path d="M\#(x) \#(bottom)v5" stroke="\#(hex(.gray(120)))"/>"#)
            document.add(
                text: label, x: x, y: bottom + 24, anchor: "middle", color: hex(.gray(60)))
        }
        for (index, series) in series.enumerated() {
            document.add(
                """
                <path d="\(path(series.points))" stroke="\(hex(series.color))" \
                stroke-width="2" fill="none"/>
                """)
            let y = bottom - 4 - 20 * Double(self.series.count - 1 - index)
            document.add(
                """
                <path d="M\(left + 16) \(y - 5)h24" stroke="\(hex(series.color))" \
                stroke-width="3"/>
                """)
            document.add(text: series.name, x: left + 48, y: y, color: hex(.gray(40)))
        }
        return document.contents
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

    private func hex(_ color: RGBImage.Color) -> String {
        "#"
            + [color.red, color.green, color.blue].map { byte in
                let digits = String(byte, radix: 16)
                return byte < 16 ? "0" + digits : digits
            }.joined()
    }

    private static func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
