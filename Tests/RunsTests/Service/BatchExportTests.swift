// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Requests
import Runs
import ServiceLedger
import TestSupport
import Testing
import WireProtocol

/// A batch becomes a run of its own.
@Suite struct BatchExportTests {
    let temporary: TemporaryDirectory
    var state: String { temporary.path + "/state" }
    var out: String { temporary.path + "/a/out" }

    init() throws { temporary = try TemporaryDirectory() }

    private static let export = BatchExport(
        identity: ServiceStore.Identity(
            instance: Array(0..<16), leaseKey: Array(repeating: 7, count: 32)),
        encoding: PictureEncoding(latents: { _ in [] }, mergeMethod: { $0 }), clock: Samples.clock)

    /// A batch of four images: written, failed, checkpointed, sampled; beside another one.
    private func service() throws -> SampleService {
        let service = try SampleService(state)
        try service.store.bind(to: SampleService.model())
        let batch = SampleService.batch("b1", first: 3, count: 4)
        try service.commit(.accept(SampleService.batch("b0")), .accept(batch))
        try service.finish(1)
        try service.finish(3)
        let picture = RGBImage(width: 64, height: 128, filledWith: .gray(90))
        try service.picture(3, of: "b1", index: 0, bytes: PNG.encode(picture))
        for isFinal in [false, true] {
            try service.store.commit([
                .failure(ImageNumber(4), FailedAttempt(reason: "NaN"), isFinal: isFinal)
            ])
        }
        try service.store.keep(
            SamplingCheckpoint(step: 3, kernelClass: "k", bytes: [1, 2]), of: ImageNumber(5))
        try service.finish(6)
        return service
    }

    private func history() throws -> StoredHistory {
        try #require(try RunStore.peek(directory: out))
    }

    @Test(arguments: [true, false]) func itIsARunWhetherOrNotTheServiceRuns(
        isRunning: Bool
    ) throws {
        var service: SampleService? = try service()
        if !isRunning { service = nil }
        let images = try Self.export.write(
            BatchID("b1"), of: ServiceReader(directory: state), to: out)
        #expect(images == StoredImages(total: 4, written: 1, sampled: 1, failed: 1, open: 1))
        let history = try history()
        let batch = SampleService.batch("b1", first: 3, count: 4)
        #expect(history.requests == (0..<4).map(batch.request(at:)))
        #expect(history.run.model == SampleService.model().fingerprint)
        #expect(history.run.modelDirectory == "/models/one")
        #expect(history.run.settings == ["precision": "f32"])
        #expect(history.run.instance == Array(0..<16))
        var result = SampleService.result(3)
        result.image = ImageNumber(0)
        #expect(history.results[ImageNumber(0)] == result)
        #expect(history.openImages == [ImageNumber(2)])
        #expect(history.failures[ImageNumber(1)]?.count == 2)
        #expect(history.undecodedImages == [ImageNumber(3)])
        #expect(history.sessions.map(\.startedAt) == [1000.5])
        let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        #expect(
            names == [
                "00000-7.png", "grid-0000.png", "index.html", "latents", "report.json",
                "run.lock", "run.sqlite",
            ])
        let digests = Set([3, 6].map { Hexadecimal.text(Samples.latents($0).sha256) + ".f32" })
        let latents = try FileManager.default.contentsOfDirectory(atPath: out + "/latents")
        #expect(Set(latents) == digests)
        let store = try RunStore.open(directory: out)
        #expect(
            try store.checkpoints() == [
                ImageNumber(2): SamplingCheckpoint(step: 3, kernelClass: "k", bytes: [1, 2])
            ])
        #expect(StatusReport(directory: out, now: Samples.date).state == .ended)
        withExtendedLifetime(service) {}
    }

    /// A directory of the user's stays the same directory.
    @Test func anEmptyDirectoryIsFilled() throws {
        _ = try service()
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        let before = try FileManager.default.attributesOfItem(atPath: out)[.systemFileNumber]
        _ = try Self.export.write(
            BatchID("b1"), of: ServiceReader(directory: state), to: out + "/")
        let after = try FileManager.default.attributesOfItem(atPath: out)[.systemFileNumber]
        #expect(before as? Int == after as? Int)
        #expect(try history().results.count == 2)
        let names = try FileManager.default.contentsOfDirectory(atPath: out)
        #expect(names.count == 7 && !names.contains { $0.hasSuffix(".tmp") })
    }

    @Test func nothingIsLeftOfWhatIsRefused() throws {
        let service = try service()
        func refused(
            _ id: String, _ error: BatchExportError, _ export: BatchExport = Self.export
        ) throws {
            #expect(throws: error) {
                try export.write(BatchID(id), of: ServiceReader(directory: state), to: out)
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: temporary.path + "/a")
            #expect(left.isEmpty)
        }
        try FileManager.default.createDirectory(
            atPath: temporary.path + "/a", withIntermediateDirectories: true)
        try refused("b9", .unknown("b9", state: state))
        var stopped = Self.export
        stopped.isInterrupted = { true }
        try refused("b1", .interrupted, stopped)
        // It is deleted while it is copied.
        var late = Self.export
        late.isInterrupted = {
            try? service.commit(.erase(BatchID("b1"), at: 5))
            return false
        }
        try refused("b1", .erased("b1"), late)
        try refused("b1", .erased("b1"))
        _ = try temporary.write([1], to: "a/out")
        #expect(throws: RunError.notADirectory(path: out)) {
            try Self.export.write(BatchID("b0"), of: ServiceReader(directory: state), to: out)
        }
        #expect(throws: BatchExportError.notEmpty(path: state)) {
            try Self.export.write(BatchID("b0"), of: ServiceReader(directory: state), to: state)
        }
    }

    /// What is gone is said, and is left to be sampled or decoded again.
    @Test func damageIsLeftOut() throws {
        let service = try service()
        for item in [3, 6] {
            let name = Hexadecimal.text(Samples.latents(item).sha256) + ".f32"
            try FileManager.default.removeItem(atPath: "\(service.store.archive.path)/\(name)")
        }
        let warnings = Warnings()
        var export = Self.export
        export.warn = { warnings.add($0) }
        let images = try export.write(
            BatchID("b1"), of: ServiceReader(directory: state), to: out)
        #expect(images == StoredImages(total: 4, written: 1, sampled: 0, failed: 1, open: 2))
        #expect(
            warnings.all == [
                "the latents of image 0 are gone or damaged",
                "the latents of image 3 are gone or damaged",
            ])
    }

    /// Each batch has the model that it was accepted for.
    @Test func batchesKeepTheirModels() throws {
        let service = try service()
        for id in ["b0", "b1"] {
            try service.commit(
                .end(BatchID(id), BatchEnd(status: .cancelled, startedAt: 2000, endedAt: 3000)))
        }
        var other = SampleService.model(name: "two")
        other.fingerprint.unet[0] = 9
        try service.store.bind(to: other)
        try service.commit(.accept(SampleService.batch("b2", first: 7)))
        let reader = try ServiceReader(directory: state)
        let first = SampleService.model()
        for (id, model) in [("b0", first), ("b1", first), ("b2", other)] {
            let out = "\(temporary.path)/\(id)"
            _ = try Self.export.write(BatchID(id), of: reader, to: out)
            let run = try #require(try RunStore.peek(directory: out)).run
            #expect(run.model == model.fingerprint && run.modelDirectory == model.directory)
        }
        let report = try service.store.report(of: BatchID("b1"), model: other.record, at: 1)
        let text = String(decoding: try #require(report), as: UTF8.self)
        #expect(text.contains("\"one\"") && !text.contains("\"two\""))
    }

    @Test func whatIsNoServiceIsSaid() throws {
        #expect(throws: ServiceStateError.noService(path: state)) {
            try ServiceReader(directory: state)
        }
        _ = try Samples.begin(1, in: temporary.path)
        #expect(throws: ServiceStateError.noService(path: temporary.path)) {
            try ServiceReader(directory: temporary.path)
        }
        _ = try temporary.write(Array("no database at all".utf8), to: "service.sqlite")
        #expect(throws: ServiceStateError.self) { try ServiceReader(directory: temporary.path) }
    }

    @Test func aSummaryNamesTheNewestBatches() throws {
        var service: SampleService? = try service()
        try service?.commit(
            .end(BatchID("b0"), BatchEnd(status: .failed, startedAt: nil, endedAt: 3000)))
        let running = try ServiceSummary(ServiceReader(directory: state))
        #expect(running.isRunning == true && !running.isGone)
        #expect(running.batches == ["live": 1, "failed": 1])
        #expect(running.newest.map(\.id) == ["b1", "b0"])
        #expect(running.newest.map(\.finished) == [1, 0])
        #expect(running.text(directory: "D").contains("b1  live, 1 of 4, 1 failed  a \"red\" 家"))
        service = nil
        let stopped = try ServiceSummary(ServiceReader(directory: state))
        #expect(stopped.isRunning == false && stopped.isGone)
    }

    /// A directory that is gone is no full disk.
    @Test func aLostDirectoryHasNoRoomToName() throws {
        let service = try service()
        #expect(try service.store.freeByteCount > 0)
        try FileManager.default.moveItem(atPath: state, toPath: state + "-moved")
        #expect(throws: ServiceStateError.self) { try service.store.freeByteCount }
    }
}
