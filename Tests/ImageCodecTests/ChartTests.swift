// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Testing

@Suite("Charts")
struct ChartTests {
    /// matplotlib's `viridis` at both ends and in the middle.
    @Test(
        arguments: [
            (-1.0, 68, 1, 84), (0, 68, 1, 84), (0.5, 33, 144, 141), (1, 253, 231, 37),
            (2, 253, 231, 37),
        ])
    func coloursFollowTheScale(value: Double, red: Int, green: Int, blue: Int) {
        let color = ColorScale.viridis.color(value)
        #expect(
            [color.red, color.green, color.blue] == [UInt8(red), UInt8(green), UInt8(blue)])
    }

    /// Lightness increases throughout, so that a map is readable in grey too.
    @Test func lightnessRises() {
        let lightness = (0...64).map { step -> Double in
            let color = ColorScale.viridis.color(Double(step) / 64)
            return 0.2126 * Double(color.red) + 0.7152 * Double(color.green)
                + 0.0722 * Double(color.blue)
        }
        #expect(zip(lightness, lightness.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func everyCellOfAHeatMapHasItsColour() {
        let values = [0, 0.25, 0.5, 1]
        let sheet = HeatMapSheet(
            title: "A", rows: [("b", [.init(title: "c", values: values, side: 2)])],
            range: 0...1, unit: "cos")
        let image = sheet.rendered()
        // Each of the four cells' colours covers a quarter of the map.
        for value in values {
            let color = ColorScale.viridis.color(value)
            let count = (0..<image.width * image.height).count {
                image[$0 % image.width, $0 / image.width] == color
            }
            #expect(count >= 144 * 144, "\(value)")
        }
    }

    @Test func curvesGoThroughTheirPoints() {
        let color = LineChart.colors[0]
        let axis = ChartAxis(title: "x", range: 0...1, ticks: [0, 1])
        func chart(_ points: [(x: Double, y: Double)]) -> RGBImage {
            LineChart(
                title: "", xAxis: axis, yAxis: axis,
                series: [.init(name: "", color: color, points: points)]
            ).rendered()
        }
        // Above the legend, whose key has the same colour.
        func rows(_ image: RGBImage, column: Int) -> [Int] {
            (0..<400).filter { image[column, $0] == color }
        }
        let level = chart([(0, 0.75), (1, 0.75)])
        let found = rows(level, column: level.width / 2)
        #expect(found.count == 1 || found.count == 2)
        // 60 above the plot and 64 below it.
        let expected = 60 + (level.height - 124) / 4
        #expect(found.allSatisfy { abs($0 - expected) <= 1 })
        let gap = chart([(0, 0.75), (0.5, .nan), (1, 0.75)])
        #expect(rows(gap, column: gap.width / 2).isEmpty)
    }

    @Test func documentsSayWhatThePictureShows() {
        let chart = LineChart(
            title: "a < b & c",
            xAxis: ChartAxis(title: "workers", range: 0...2, ticks: [0, 2], labels: ["1", "4"]),
            yAxis: ChartAxis(title: "y", range: 0...1, ticks: [0, 1]),
            series: [
                .init(
                    name: "one", color: LineChart.colors[0],
                    points: [(0, 0), (1, 1), (1.5, .nan), (2, 0)])
            ])
        let document = chart.svg()
        #expect(document.contains(">a &lt; b &amp; c</text>"))
        // The corners of the plot; after the gap a new line begins.
        #expect(document.contains(#"d="M76.0 496.0L506.0 60.0M936.0 496.0""#))
        #expect(document.contains(#"x="936.0" y="520.0" text-anchor="middle""#))
        for text in [">1<", ">4<", ">one<", ">workers<"] { #expect(document.contains(text)) }
    }

    @Test func longNamesTakeRoomFromThePlot() throws {
        func places(named name: String) throws -> [Double] {
            let values = [(name, 1.0), ("b", 2), ("c", .nan)]
            let document = IntervalChart(
                title: "t", unit: "u",
                entries: values.map {
                    .init(name: $0.0, value: $0.1, low: .nan, high: .nan, isControl: false)
                }
            ).svg()
            return try document.matches(of: /cx="([0-9.]+)"/).map { try #require(Double($0.1)) }
        }
        let (short, long) = (
            try places(named: "a"), try places(named: String(repeating: "a", count: 60))
        )
        #expect(short.count == 2 && long.count == 2)
        #expect(short[0] < 200 && long[0] > 480 && long[0] < 700)
        #expect(short[1] < 960 && long[1] < 960 && long[1] > long[0])
    }
}
