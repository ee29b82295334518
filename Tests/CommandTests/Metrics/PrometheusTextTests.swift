// SPDX-License-Identifier: Apache-2.0

import NodeSupport
import ProcessSupport
import TestSupport
import Testing

/// What is served to Prometheus, read by a parser that forgives nothing.
@Suite struct PrometheusTextTests {
    @Test func pagesAreWellFormed() throws {
        var page = PrometheusText()
        page.add("retom_a_total", .counter, "Help with a \\ and a\nline end.", 3)
        page.add(
            "retom_b", .gauge, "States.",
            [(["state": "a\"b\\c\nd"], 1), (["state": "x", "more": "é"], -2.5)])
        page.add("retom_none", .gauge, "Nothing to say.", [])
        var histogram = Histogram(bounds: [0.1, 1])
        for value in [0.05, 0.1, 0.5] { histogram.add(value) }
        histogram.add(7, count: 2)
        page.add("retom_c_seconds", "Times.", histogram)
        ProcessMetrics.add(to: &page)
        let read = try PrometheusPage(page.text)
        #expect(read.kinds["retom_a_total"] == "counter" && read.kinds["retom_none"] == nil)
        #expect(read.values["retom_a_total"] == 3)
        #expect(read.values["retom_b{more=\"é\",state=\"x\"}"] == -2.5)
        #expect(read.values["retom_b{state=\"a\\\"b\\\\c\\nd\"}"] == 1)
        #expect(read.values["retom_c_seconds_bucket{le=\"0.1\"}"] == 2)
        #expect(read.values["retom_c_seconds_bucket{le=\"+Inf\"}"] == 5)
        #expect(read.values["retom_c_seconds_sum"] == 14.65)
        #expect(try #require(read.values["process_resident_memory_bytes"]) > 1e6)
        #expect(try #require(read.values["process_open_fds"]) >= 3)
    }

    @Test func numbersAreAsTheFormatWantsThem() throws {
        var page = PrometheusText()
        page.add(
            "x", .gauge, "Numbers.",
            [
                (["n": "1"], .infinity), (["n": "2"], -.infinity), (["n": "3"], .nan),
                (["n": "4"], 1e300), (["n": "5"], 0.1), (["n": "6"], 12_345_678_901),
            ])
        let read = try PrometheusPage(page.text)
        #expect(read.values["x{n=\"1\"}"] == .infinity && read.values["x{n=\"2\"}"] == -.infinity)
        #expect(read.values["x{n=\"3\"}"]?.isNaN == true && read.values["x{n=\"4\"}"] == 1e300)
        #expect(page.text.contains("x{n=\"6\"} 12345678901\n"))
    }

    /// The parser is worth nothing if it takes anything.
    @Test(arguments: [
        "a 1", "a 1\n", "# TYPE a gauge\na 1\n", "# HELP a x\n# TYPE a gauge\nb 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\na 1\n", "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a x\n# TYPE a gauge\na one\n", "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n", "# HELP 1a x\n# TYPE 1a gauge\n1a 1\n",
        "# HELP a x\n# TYPE a histogram\na_sum 1\na_count 1\n",
        "# HELP a x\n# TYPE a gauge\n\na 1\n",
    ])
    func malformedPagesAreNoticed(_ text: String) {
        #expect(throws: PrometheusPage.Malformed.self) { try PrometheusPage(text) }
    }
}
