// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import Testing

@Suite struct RunReportTests {
    @Test func totalsAreWorkedOut() {
        let run = SampleRun.report().run
        #expect(run.imageCount == 3)
        #expect(run.writtenCount == 2)
        #expect(run.failedCount == 1)
        #expect(run.wallSeconds == 10)
        #expect(run.imagesPerSecond == 0.2)
        #expect(run.decodeShare == 0.25)
    }

    @Test func aRunThatNeverBeganHasNoRates() {
        var report = SampleRun.report([])
        #expect(report.run.decodeShare == 0)
        report.run.finishedAt = report.run.startedAt
        let again = RunReport(run: report.run, images: SampleRun.images())
        #expect(again.run.imagesPerSecond == 0)
    }

    /// Merging that was asked for and did nothing is reported; merging that did something is not.
    @Test func idleMergingIsReported() {
        var images = SampleRun.images()
        #expect(SampleRun.report(images).run.mergedNothing == nil)
        for index in images.indices {
            images[index].request.tokenMerging = TokenMergeConfiguration()
        }
        #expect(SampleRun.report(images).run.mergedNothing == true)
        var statistics = TokenMergeStatistics()
        statistics.computedPlanCount = 1
        images[1].tokenMerging = statistics
        #expect(SampleRun.report(images).run.mergedNothing == nil)
        #expect(SampleRun.report([]).run.mergedNothing == nil)
    }

    @Test func reportsReadBackAsTheyWereWritten() throws {
        let report = SampleRun.report()
        #expect(try JSONText.decode(RunReport.self, from: JSONText.file(report)) == report)
    }

    /// The names that scripts rely on.
    @Test func keysAreTheContract() throws {
        let bytes = try JSONText.file(SampleRun.report())
        let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        let top = try #require(object)
        #expect(Set(top.keys) == ["format_version", "run", "images"])
        let run = try #require(top["run"] as? [String: Any])
        #expect(
            Set(run.keys) == [
                "version", "model", "settings", "workers", "wire", "sheets", "base_seed",
                "batch_count", "started_at", "finished_at", "wall_seconds", "image_count",
                "images_written", "images_failed", "images_per_second", "decode_share", "lives",
            ])
        #expect(run["started_at"] as? String == "2025-11-13T02:13:20Z")
        let wire = try #require(run["wire"] as? [String: Any])
        #expect(
            Set(wire.keys) == [
                "sent_bytes", "received_bytes", "latent_bytes", "latent_bytes_compressed",
            ])
        let images = try #require(top["images"] as? [[String: Any]])
        #expect(
            Set(images[0].keys) == [
                "index", "status", "request", "file", "worker", "attempts", "reasons", "timings",
                "latent_sha256",
            ])
        #expect(images[2]["status"] as? String == "failed")
        #expect(images[2]["file"] == nil)
        let request = try #require(images[0]["request"] as? [String: Any])
        #expect(
            Set(request.keys) == [
                "prompt", "negative_prompt", "seed", "width", "height", "steps", "cfg_scale",
                "sampler_name", "scheduler", "eta", "token_merging",
            ])
    }

    /// A report's request is a valid line of a prompt file: runs can be repeated from reports.
    @Test(
        arguments: [.none, TokenMergeConfiguration(), TokenMergeProfile.quality.configuration])
    func aRecordedRequestIsAPromptLine(_ merging: TokenMergeConfiguration) throws {
        var request = SampleRun.request("a \"red\" house\n雪", seed: .max, negativePrompt: "blur")
        request.samplingMethod = .dpmPlusPlus2M
        request.sigmaSchedule = .sgmUniform
        request.eta = 0.5
        request.clipSkip = 2
        request.guidanceScale = 6.1
        request.tokenMerging = merging
        let line = request.json
        #expect(!line.contains("\n"))
        let entries = try PromptList.parse(Array(line.utf8), source: "x").entries
        var generator = SystemRandomNumberGenerator()
        let plan = try RequestPlan(
            entries: entries, settings: GenerationSettings(width: 8, height: 8), seed: .fixed(0),
            batchCount: 1, using: &generator)
        #expect(plan.requests == [request])
    }

    @Test func picturesCarryBothTexts() throws {
        let metadata = SampleRun.metadata("雪の中の赤い家, \"quoted\"")
        let bytes = try PNG.encode(
            RGBImage(width: 2, height: 2), texts: metadata.pngTexts(mergeMethod: { $0 }))
        let contents = try PNG.decode(bytes)
        let text = try #require(contents.text("retom"))
        #expect(try JSONText.decode(ImageMetadata.self, from: text.utf8) == metadata)
        let parameters = try #require(contents.text("parameters"))
        #expect(GenerationParametersText(parsing: parameters)["Seed"] == String(UInt64.max))
    }

    @Test func hexadecimalHasTwoDigitsPerByte() {
        #expect(Hexadecimal.text([0, 0x0F, 0xA0, 0xFF]) == "000fa0ff")
    }
}
