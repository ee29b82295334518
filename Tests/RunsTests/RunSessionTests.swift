// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import Synchronization
import TestSupport
import Testing

/// One process's share of a run, without a cluster: what it writes, records and reports.
@Suite struct RunSessionTests {
    private let temporary: TemporaryDirectory
    private let events = EventRecorder()

    init() throws { temporary = try TemporaryDirectory() }

    private static let model = ModelRecord(name: "one", fingerprint: Samples.run.model)

    /// Opens the run of this test's directory, or begins it with three images.
    private func session(
        _ store: RunStore? = nil, earlier: RunFiles? = nil, damaged: Set<ImageNumber> = [],
        decodes: Bool = true, decodeClass: String = "vae-t2"
    ) throws -> RunSession {
        try RunSession(
            try store ?? Samples.begin(3, in: temporary.path),
            place: RunSession.Place(
                directory: try RunDirectory(preparing: temporary.path), earlier: earlier,
                damagedImages: damaged, decodes: decodes),
            model: Self.model, decodeClass: decodeClass,
            encoding: PictureEncoding(
                latents: { Array("\"latents\" \($0.values.count)".utf8) },
                mergeMethod: { "<\($0)>" }), clock: Samples.clock,
            report: { [events] in events.append($0) })
    }

    private func finished(_ result: ImageResult, workerDecodeClass: String? = nil) -> FinishedImage
    {
        let item = result.image.rawValue
        return FinishedImage(
            result: result, request: Samples.requests(3)[item], latents: Samples.latents(item),
            image: RGBImage(width: 2, height: 1, bytes: [1, 2, 3, 4, 5, 6]), decodeSeconds: 0.5,
            workerDecodeClass: workerDecodeClass)
    }

    private func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: temporary.file(name))))
    }

    private func report() throws -> RunReport {
        try JSONText.decode(RunReport.self, from: try read(RunFileName.report))
    }

    @Test func aPictureIsWrittenRecordedAndReported() throws {
        let session = try session()
        let result = try Samples.store(item: 1, in: session.store)
        try session.write(finished(result))
        let seed = Samples.requests(3)[1].seed
        let file = "00001-\(seed).png"
        let contents = try PNG.decode(try read(file))
        #expect(contents.image.bytes == [1, 2, 3, 4, 5, 6])
        let text = try #require(contents.text("retom"))
        let metadata = try JSONText.decode(ImageMetadata.self, from: text.utf8)
        #expect(metadata.request == Samples.requests(3)[1] && metadata.attempt == 2)
        #expect(metadata.latentSHA256 == Hexadecimal.text(result.facts.sha256))
        #expect(contents.text("parameters")?.contains("Token merging method: <retom>") == true)
        #expect(temporary.text(of: "00001-\(seed).safetensors") == "\"latents\" 60")
        let picture = try #require(try session.store.history().pictures[1])
        #expect(picture.file == file && picture.latentsFile == "00001-\(seed).safetensors")
        #expect(picture.decodeClass == "vae-t2" && picture.workerDecodeClass == nil)
        #expect(
            events.all == [
                .imageWritten(
                    image: 1, worker: "[::1]:7400", file: file, seconds: 0.1 + 1.0 / 3 + 0.5)
            ])
    }

    @Test func theReportTellsOutcomesWorkersAndBytes() throws {
        let session = try session()
        session.workerJoined("a:1", kernelClass: "k")
        session.workerJoined("[::1]:7400", kernelClass: "k")
        session.workerLost("a:1", reason: "gone")
        try session.write(finished(try Samples.store(item: 0, in: session.store)))
        try session.commit([
            .failure(
                ImageNumber(2), FailedAttempt(worker: "a:1", attempt: 1, reason: "reset"),
                isFinal: false)
        ])
        let failures = [
            FailedAttempt(worker: "a:1", attempt: 1, reason: "reset"),
            FailedAttempt(reason: "no usable worker is left"),
        ]
        let traffic = ByteCounts(sent: 5, received: 9, latents: 3, compressedLatents: 2)
        try session.finish(traffic: traffic, failures: [2: failures])
        let report = try report()
        #expect(report.run.startedAt == Samples.date && report.run.finishedAt == Samples.date)
        #expect(report.images.map(\.status) == [.written, .pending, .failed])
        #expect(report.images[0].attempts == 2 && report.images[0].worker == "[::1]:7400")
        #expect(report.images[2].reasons == ["a:1: reset", "no usable worker is left"])
        #expect(report.images[2].attempts == 2)
        #expect(report.run.wire == traffic && report.run.sessionCount == 1)
        #expect(report.run.workers.map(\.imageCount) == [0, 1])
        #expect(report.run.workers.map(\.lostReason) == ["gone", nil])
        #expect(temporary.contents.contains(RunFileName.gallery))
        #expect(temporary.contents.contains("grid-0000.png"))
        guard case .runFinished(1, 1, 0, _) = try #require(events.all.last) else {
            Issue.record("\(events.all)")
            return
        }
    }

    @Test func aLaterSessionContinuesTheReport() throws {
        do {
            let first = try session()
            try first.write(finished(try Samples.store(item: 0, in: first.store)))
            try first.finish(traffic: ByteCounts(sent: 1))
        }
        let second = try session(try RunStore.open(directory: temporary.path))
        #expect(second.number == 2 && second.history.openImages == [1, 2])
        try second.write(finished(try Samples.store(item: 1, in: second.store)))
        try second.finish(traffic: ByteCounts(sent: 2))
        let report = try report()
        #expect(report.images.map(\.status) == [.written, .written, .pending])
        #expect(report.run.wire.sent == 3 && report.run.sessionCount == 2)
        guard case .runFinished(2, 0, kept: 1, _) = try #require(events.all.last) else {
            Issue.record("\(events.all)")
            return
        }
    }

    @Test func otherKernelsAreReportedOncePerClass() throws {
        do {
            let first = try session(decodeClass: "vae-t2")
            try first.write(finished(try Samples.store(item: 0, in: first.store)))
        }
        let second = try session(
            try RunStore.open(directory: temporary.path), decodeClass: "other-t1")
        events.clear()
        second.workerJoined("a:1", kernelClass: "k")
        #expect(events.all.isEmpty, "the class of before")
        for worker in ["b:1", "c:1"] { second.workerJoined(worker, kernelClass: "new") }
        try second.write(finished(try Samples.store(item: 1, in: second.store)))
        try second.write(finished(try Samples.store(item: 2, in: second.store)))
        let warnings = events.all.compactMap { event -> String? in
            if case .warning(let text) = event { text } else { nil }
        }
        #expect(warnings.count == 2, "\(warnings)")
        #expect(warnings[0].contains("b:1 computes with new") && warnings[0].contains(" k:"))
        #expect(warnings[1].contains("decoded with other now, before with vae;"))
    }

    @Test func anUndecodableImageHasFailed() throws {
        let session = try session()
        try Samples.store(item: 0, in: session.store)
        try session.markUndecodable(0, reason: "NaN")
        try session.finish()
        let image = try report().images[0]
        #expect(image.status == .failed && image.reasons == ["decoding failed: NaN"])
        #expect(image.latentSHA256 != nil)
    }

    /// What somebody else put there is not replaced, unless the run knows that its own is damaged.
    @Test func existingFilesAreLeftAloneUnlessDamaged() throws {
        let seed = Samples.requests(3)[0].seed
        let file = "00000-\(seed).png"
        let first = try session()
        let result = try Samples.store(item: 0, in: first.store)
        try temporary.write("mine", to: file)
        #expect(throws: RunError.fileExists(path: temporary.file(file))) {
            try first.write(finished(result))
        }
        #expect(temporary.text(of: file) == "mine")
    }

    @Test func aDamagedPictureIsReplaced() throws {
        let seed = Samples.requests(3)[0].seed
        try temporary.write("cut", to: "00000-\(seed).png")
        let session = try session(
            try Samples.begin(3, in: temporary.path), damaged: [0])
        try session.write(finished(try Samples.store(item: 0, in: session.store)))
        #expect(PNG.isWhole(try read("00000-\(seed).png")))
    }

    /// An earlier run gives way when there is something to replace it.
    @Test(arguments: [true, false]) func anEarlierRunStaysUntilThen(decodes: Bool) throws {
        _ = try Samples.begin(3, in: temporary.path)
        let seed = Samples.requests(3)[2].seed
        let old = "00002-\(seed).png"
        try temporary.write("", to: old)
        let store = try RunStore.begin(
            Samples.run, requests: Samples.requests(2), directory: temporary.path,
            isSuccessor: true)
        let session = try session(
            store, earlier: RunFiles(requests: Samples.requests(3), savesLatents: false),
            decodes: decodes)
        let result = try Samples.store(item: 0, in: store)
        #expect(temporary.contents.contains(old) && store.isSuccessor)
        if decodes {
            try session.write(finished(result))
        } else {
            try session.commit([.result(result)])
        }
        #expect(!temporary.contents.contains(old) && !store.isSuccessor)
    }

    @Test func aRunWithoutResultsLeavesTheEarlierOneInPlace() throws {
        _ = try Samples.begin(3, in: temporary.path)
        let store = try RunStore.begin(
            Samples.run, requests: Samples.requests(2), directory: temporary.path,
            isSuccessor: true)
        let session = try session(store, earlier: RunFiles(requests: [], savesLatents: false))
        try session.finish()
        #expect(!temporary.contents.contains(RunFileName.report))
        #expect(try RunStore.open(directory: temporary.path).history().requests.count == 3)
        guard case .warning(let text) = try #require(events.all.last) else {
            Issue.record("\(events.all)")
            return
        }
        #expect(text.contains("the earlier run stays"))
    }
}

/// Events in order, from any thread.
private final class EventRecorder: Sendable {
    private let events = Mutex<[RunEvent]>([])

    var all: [RunEvent] { events.withLock { $0 } }

    func append(_ event: RunEvent) { events.withLock { $0.append(event) } }

    func clear() { events.withLock { $0 = [] } }
}
