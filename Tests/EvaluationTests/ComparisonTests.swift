// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import Testing

@Suite("Comparisons")
struct ComparisonTests {
    /// Two prompts, three columns; "fast" takes half the time.
    private func table(baseline: String? = nil) throws -> ComparisonTable {
        func record(_ seconds: Double, _ psnr: Double, _ ssim: Double) -> ComparisonRecord {
            ComparisonRecord(
                samplingSeconds: seconds, decodingSeconds: 0.5, psnr: psnr, ssim: ssim)
        }
        func row(_ prompt: String, _ shift: Double) -> ComparisonTable.Row {
            ComparisonTable.Row(
                request: GenerationRequest(prompt: prompt, seed: 7, width: 16, height: 16),
                records: [
                    record(3.5, .infinity, 1), record(1.5, 20 + shift, 0.75),
                    record(1.5, 30 + 2 * shift, 0.875),
                ])
        }
        return try ComparisonTable(
            names: ["none", "fast", "b,\"est"], rows: [row("one <b>", 0), row("two, \"2\"", 2)],
            baseline: baseline, precision: "f32",
            model: ModelRecord(
                name: "a,b",
                fingerprint: ModelFingerprint(
                    unet: [UInt8](repeating: 0xA1, count: 32),
                    textEncoder: [UInt8](repeating: 2, count: 32),
                    vae: [UInt8](repeating: 0xC3, count: 32))))
    }

    @Test func summariesAreMeansAndPairedGains() throws {
        let summaries = try table().summaries
        #expect(summaries.map(\.speedUp) == [1, 2, 2])
        #expect(summaries[1].psnr.mean == 21)
        #expect(summaries[2].psnr.mean == 32)
        // 10 and 12: the mean, and t · √2 / √2.
        #expect(summaries[2].psnrGain.mean == 11)
        #expect((summaries[2].psnrGain.halfWidth - 12.706).magnitude < 1e-6)
        #expect(summaries[1].psnrGain.mean == 0)
        let other = try table(baseline: "b,\"est").summaries
        #expect(other[1].psnrGain.mean == -11)
    }

    @Test func anUnknownBaselineIsNamed() {
        let error = #expect(throws: ComparisonBaselineError.self) { try table(baseline: "x") }
        #expect(error?.known == ["none", "fast", "b,\"est"])
    }

    @Test func fieldsWithCommasAndQuotesAreQuoted() throws {
        let lines = try table().pictureCSV.split(separator: "\n")
        #expect(lines.count == 7)
        #expect(lines[1].hasPrefix("0,one <b>,7,none,4.0,3.5,0.5,1.0,inf,1.0,1.0,0,0"))
        #expect(lines[6].hasPrefix("1,\"two, \"\"2\"\"\",7,\"b,\"\"est\",2.0,"))
        let summary = try table().summaryCSV.split(separator: "\n")
        #expect(summary.count == 4)
        // Two prompts: no intervals.
        #expect(summary[2].hasPrefix("fast,2,2.0,,2.0,21.0,,"))
        // The conditions under which the numbers hold.
        #expect(summary[0].hasSuffix(",precision,guidance_scale,model,unet_sha256,vae_sha256"))
        let digests = [String(repeating: "a1", count: 32), String(repeating: "c3", count: 32)]
        #expect(summary[2].hasSuffix(",f32,7.5,\"a,b\"," + digests.joined(separator: ",")))
    }

    @Test func theTableIsAligned() throws {
        let lines = try table().text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(Set(lines.map(\.count)).count == 1)
        #expect(lines[1].contains("1.00×"))
        #expect(lines[2].contains("21.00"))
    }

    @Test func fewPromptsGetNoIntervals() throws {
        let two = try table()
        #expect(!two.text.contains("±"))
        var rows = two.rows
        while rows.count < MeanInterval.countMin { rows += two.rows.prefix(1) }
        let five = try ComparisonTable(
            names: two.names, rows: rows, baseline: nil, precision: "f32", model: two.model)
        #expect(five.text.contains("20.40 ± 1.11"))
        let four = try ComparisonTable(
            names: two.names, rows: rows.dropLast(), baseline: nil, precision: "f32",
            model: two.model)
        #expect(!four.text.contains("±"))
        let page = ComparisonPage(title: "t", facts: [], table: four, files: [])
        #expect(page.html.contains("Means over 4 prompts, too few for intervals."))
    }

    @Test func pagesEscapeWhatPromptsSay() throws {
        let page = ComparisonPage(
            title: "<x>", facts: ["25 steps"], table: try table(),
            files: [["0-none.png", "0 fast.png", "0-b.png"]])
        #expect(page.html.contains("one &lt;b&gt;"))
        #expect(!page.html.contains("one <b>"))
        #expect(page.html.contains("<title>&lt;x&gt;</title>"))
        #expect(page.html.contains("src=\"0%20fast.png\""))
        #expect(!page.html.contains("<script"))
        // 4 s against 2 s.
        #expect(
            page.html.contains(
                "<li>2.00 s</li><li>2.0×</li><li>20.0 dB</li><li>SSIM 0.750</li>"))
        #expect(page.html.contains(GalleryPage.style))
    }

    @Test func sheetsHaveARowOfSummariesAndARowPerPrompt() throws {
        func image(_ value: UInt8) -> RGBImage {
            RGBImage(width: 64, height: 64, filledWith: .gray(value))
        }
        let sheet = try ComparisonSheet(
            table: table(), images: [[image(10), image(20), image(30)]])
        var bytes: [UInt8] = []
        try sheet.write(texts: []) { bytes += $0 }
        let picture = try PNG.decode(bytes).image
        #expect(picture.width == 8 + 3 * 72)
        // The second row's pictures stand below the first band.
        let bandHeight = (picture.height - 8) / 2
        for (column, value) in [10, 20, 30].enumerated() {
            #expect(
                picture[8 + column * 72 + 32, 8 + bandHeight + 32] == .gray(UInt8(value)))
        }
    }

    @Test func aSheetTooLargeIsRefusedBeforehand() {
        #expect(throws: ImageCodecError.self) {
            try ComparisonSheet.check(rowCount: 100, columnCount: 64, width: 512, height: 512)
        }
    }
}
