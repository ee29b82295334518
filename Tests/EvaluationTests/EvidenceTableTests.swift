// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Foundation
import GenerationTypes
import Requests
import TestSupport
import Testing

@Suite("Evidence: tables")
struct EvidenceTableTests {
    private static let conditions = EvidenceConditions(
        model: ModelRecord(
            name: "m<b>",
            fingerprint: ModelFingerprint(
                unet: [UInt8](repeating: 1, count: 32),
                textEncoder: [UInt8](repeating: 2, count: 32),
                vae: [UInt8](repeating: 3, count: 32))),
        request: GenerationRequest(prompt: "", seed: 0, width: 64, height: 64), seed: 0,
        meter: EvidenceMeterNames(features: "test", clip: "test", lpips: nil))

    /// Pictures with random features around `shift`.
    private func data(
        _ row: String, _ range: Range<Int>, shift: Float = 0, ssim: Double = 0.9
    ) -> EvidenceData {
        EvidenceData(
            row: row, conditions: Self.conditions,
            pictures: range.map { index in
                var random = SplitMix64(seed: UInt64(index))
                let noise = (0..<4).map { _ in random.normal() }
                return EvidencePicture(
                    index: index, promptDigest: 1, features: noise.map { $0 + shift },
                    clip: 70 + Double(noise[0]) - Double(shift),
                    psnr: row == "none" ? .infinity : 30 + Double(noise[1]),
                    ssim: row == "none" ? 1 : ssim + 0.01 * Double(noise[2]),
                    answers: [.sky: .init(hits: index % 3 == 0 ? 0 : 1, asked: 1)])
            })
    }

    private var reference: PictureStatistics {
        var random = SplitMix64(seed: 99)
        return PictureStatistics((0..<500).map { _ in (0..<4).map { _ in random.normal() } })
    }

    private func table(replicates: Int = 200, times: EvidenceTimes? = nil) throws -> EvidenceTable {
        try EvidenceTable(
            .table2,
            data: [
                data("none", 0..<60), data("retom", 0..<80, shift: 0.1, ssim: 0.95),
                data("least", 10..<60, shift: 1, ssim: 0.5),
            ], reference: reference, times: times, replicates: replicates)
    }

    @Test func rowsAreComparedOnThePicturesThatAllHave() throws {
        let table = try table()
        #expect(table.pictureCount == 50)
        #expect(table.lines.map(\.measuredCount) == [60, 80, 50])
        #expect(table.missing.isEmpty)
        let judge = try #require(table.lines[0].values[.judge])
        #expect(abs(judge.value - 100 * 34 / 50) < 1e-9)
        // The unmerged pictures have no PSNR to themselves.
        #expect(table.lines[0].values[.psnr] == nil)
        #expect(table.lines[1].values[.psnr] != nil)
        #expect(table.lines[0].distanceToFirst == nil)
        #expect(abs((table.lines[2].distanceToFirst ?? 0) - 4) < 1e-3)
    }

    @Test func intervalsHoldTheValueAndPairedOnesAreNarrow() throws {
        let table = try table()
        for line in table.lines {
            for (metric, value) in line.values where metric != .ssim || line.row != .unmerged {
                #expect(value.low < value.value && value.value < value.high, "\(metric)")
            }
        }
        // The rows' CLIP scores differ by a constant: paired, nothing of the spread is left.
        let difference = try #require(table.lines[2].differences[.clip])
        #expect(abs(difference.value + 1) < 1e-6)
        #expect(difference.high - difference.low < 1e-6)
        let alone = try #require(table.lines[2].values[.clip])
        #expect(alone.high - alone.low > 0.1)
    }

    @Test func claimsGetVerdicts() throws {
        let findings = try table().findings
        #expect(findings.map(\.verdict) == [.holds, .holds])
        #expect(abs((findings[0].published ?? 0) + 1.37) < 1e-9)
        let fails = BootstrapInterval(value: 1, low: 0.5, high: 2)
        #expect(EvidenceVerdict(fails, isCost: true) == .fails)
        #expect(EvidenceVerdict(fails, isCost: false) == .holds)
        let open = BootstrapInterval(value: 1, low: -0.1, high: 2)
        #expect(EvidenceVerdict(open, isCost: false) == .withinNoise)
        #expect(EvidenceVerdict(nil, isCost: true) == .notMeasured)
    }

    @Test func theSameSeedGivesTheSameIntervals() throws {
        let (one, two) = (try table(), try table())
        #expect(one.lines.map(\.values) == two.lines.map(\.values))
        #expect(one.markdown == two.markdown)
    }

    @Test func fewPicturesGetNoIntervals() throws {
        let table = try EvidenceTable(
            .table2, data: [data("none", 0..<4), data("retom", 0..<4)], reference: reference,
            replicates: 100)
        #expect(table.replicateCount == 0)
        #expect(table.lines[1].values[.clip]?.low.isNaN == true)
        #expect(table.markdown.contains("Too few pictures for intervals."))
        #expect(table.missing == [.leastRepresentative])
        #expect(table.findings.map(\.verdict) == [.notMeasured, .notMeasured])
        #expect(!table.hasEnoughForDistances)
        #expect(table.markdown.contains("There are no more pictures than features"))
        let least = try EvidenceTable(
            .table2, data: [data("none", 0..<4), data("retom", 0..<4), data("least", 0..<4)],
            reference: reference, replicates: 100)
        #expect(least.findings.map(\.verdict) == [.tooFew, .notMeasured])
        #expect(throws: EvidenceError.fewPictures(count: 1)) {
            try EvidenceTable(
                .table2, data: [data("none", 0..<4), data("retom", 3..<5)], reference: reference,
                replicates: 100)
        }
    }

    @Test func timesArePairedByRound() throws {
        var times = EvidenceTimes(facts: ["machine"])
        for round in 0..<9 {
            let pace = Double(round % 3 + 1)
            times.add(["none": 2 * pace, "retom": pace, "least": pace])
        }
        let table = try table(times: times)
        #expect(table.roundCount == 9)
        #expect(table.lines[1].speedUp?.value == 2)
        #expect(table.lines[1].speedUp?.high == 2)
        #expect(table.lines[1].values[.seconds]?.value == 2)
        let folder = try TemporaryDirectory()
        #expect(try EvidenceTimes.read(in: folder.path) == nil)
        try times.write(to: folder.path)
        #expect(try EvidenceTimes.read(in: folder.path) == times)
    }

    @Test func pagesAndFilesShowTheSameNumbers() throws {
        let table = try table()
        let page = EvidencePage(table, version: "retom 1")
        let cell = table.cells(table.lines[2])[1]
        #expect(table.markdown.contains(cell))
        #expect(page.html.contains(cell))
        #expect(page.html.contains("m&lt;b&gt;") && !page.html.contains("m<b>"))
        #expect(table.csv.contains("least,\"ReToM, adaptive, least representative\",fid,50,"))
        #expect(page.charts.map(\.name).contains("table2-ssim.svg"))
        for chart in page.charts {
            #expect(page.html.contains(chart.name))
            _ = try XMLDocumentCheck(chart.svg)
        }
    }
}

/// Checks that a document's tags nest.
private struct XMLDocumentCheck {
    struct Failure: Error { var tag: Substring }

    init(_ text: String) throws {
        var open: [Substring] = []
        for part in text.split(separator: "<").filter({ $0.contains(">") }) {
            let tag = part.prefix { $0 != ">" }
            if tag.hasSuffix("/") { continue }
            let name = tag.prefix { $0 != " " && $0 != "\n" }
            if name.hasPrefix("/") {
                guard open.popLast() == name.dropFirst() else { throw Failure(tag: name) }
            } else {
                open.append(name)
            }
        }
        guard open.isEmpty else { throw Failure(tag: open[0]) }
    }
}
