// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Runs
import TestSupport
import Testing

/// A run's report from its stored history, field by field.
@Suite struct StoredHistoryReportTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    @Test func everyFactOfAResultIsInItsRecord() throws {
        let store = try Samples.begin(2, in: temporary.path)
        let latents = Samples.latents(1)
        var merging = TokenMergeStatistics()
        merging.reusedPlanCount = 7
        let facts = SampledImage.Facts(
            channels: 4, height: 3, width: 5, sha256: Array(0..<32),
            timings: GenerationTimings(textEncodingSeconds: 0.25, samplingSeconds: 2),
            tokenMerging: merging, resumedStep: 6)
        try store.write(latents, sha256: facts.sha256)
        try store.commit([
            .failure(
                ImageNumber(1), FailedAttempt(worker: "b:2", attempt: 1, reason: "lost"),
                isFinal: false),
            .result(
                ImageResult(
                    image: ImageNumber(1), worker: "a:1", kernelClass: "k", attempt: 3,
                    facts: facts)),
        ])
        var record = try store.history().imageRecords[1]
        #expect(record.number == 1 && record.request == Samples.requests(2)[1])
        #expect(record.status == .sampled && record.file == nil && record.decodeClass == nil)
        #expect(record.worker == "a:1" && record.kernelClass == "k" && record.attempts == 3)
        #expect(record.reasons == ["b:2: lost"] && record.resumedFromStep == 6)
        #expect(record.latentSHA256 == Hexadecimal.text(facts.sha256))
        #expect(record.tokenMerging == merging)
        #expect(record.timings == ImageTimings(worker: facts.timings, decodingSeconds: 0))
        try store.record(
            StoredPicture(
                image: 1, file: "p.png", latentsFile: "l.safetensors", decodeSeconds: 0.5,
                decodeClass: "v", workerDecodeClass: "w"))
        record = try store.history().imageRecords[1]
        #expect(record.status == .written && record.file == "p.png")
        #expect(record.latentsFile == "l.safetensors" && record.decodeClass == "v")
        #expect(record.workerDecodeClass == "w" && record.timings?.decodingSeconds == 0.5)
    }

    @Test func whatDidNotHappenIsLeftOut() throws {
        let store = try Samples.begin(2, in: temporary.path)
        try store.commit([
            .result(
                ImageResult(
                    image: ImageNumber(0), worker: "a:1", kernelClass: "k", attempt: 1,
                    facts: SampledImage.Facts(
                        channels: 1, height: 1, width: 1, sha256: Array(0..<32))))
        ])
        let records = try store.history().imageRecords
        #expect(records[0].resumedFromStep == nil && records[0].tokenMerging == nil)
        #expect(records[1].status == .pending && records[1].worker == nil)
        #expect(records[1].attempts == 0 && records[1].latentSHA256 == nil)
    }

    @Test func failedImagesCountTheirAttempts() throws {
        let store = try Samples.begin(2, in: temporary.path)
        for attempt in 1...3 {
            try store.commit([
                .failure(
                    ImageNumber(0),
                    FailedAttempt(worker: "a:1", attempt: attempt, reason: "NaN"),
                    isFinal: attempt == 3)
            ])
        }
        let record = try store.history().imageRecords[0]
        #expect(record.status == .failed && record.attempts == 3)
        #expect(record.reasons == ["a:1: NaN", "a:1: NaN", "a:1: NaN"])
    }
}
