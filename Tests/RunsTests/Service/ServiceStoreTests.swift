// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Runs
import ServiceLedger
import TestSupport
import Testing
import WireProtocol

/// The state of a service on a real file system.
@Suite struct ServiceStoreTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func everythingComesBackAsItWas() throws {
        let batch = SampleService.batch("b1", key: "k")
        let ended = SampleService.batch("b2", first: 3, caller: "b", key: "k")
        let result: ImageResult
        do {
            let service = try SampleService(path)
            try service.commit(.accept(batch), .accept(ended))
            result = try service.finish(0)
            try service.picture(0, of: "b1", index: 0)
            try service.finish(1)
            let failures = [
                FailedAttempt(worker: "a:1", attempt: 1, reason: "lost"),
                FailedAttempt(reason: "given up"),
            ]
            try service.store.commit([
                .failure(ImageNumber(2), failures[0], isFinal: false),
                .failure(ImageNumber(2), failures[1], isFinal: true),
            ])
            try service.commit(
                .pin(batch.id, isPinned: true), .pin(ended.id, isPinned: true),
                .pin(batch.id, isPinned: false),
                .end(
                    ended.id, BatchEnd(status: .cancelled, startedAt: nil, endedAt: 2000.25)))
        }
        let store = try SampleService(path).store
        let stored = try store.storedLedger()
        #expect(
            stored
                == StoredLedger(
                    nextImage: ImageNumber(6),
                    live: [
                        StoredLiveBatch(
                            accepted: batch, finished: [0], failed: [2], sampled: [1],
                            // Of image 0 alone.
                            byteCount: 3 + 4 * result.facts.valueCount)
                    ],
                    ended: [
                        EndedBatch(
                            id: ended.id, caller: CallerID("b"), key: "k", bodyDigest: [1, 2, 3],
                            status: .cancelled, endedAt: 2000.25, isPinned: true)
                    ]))
        let found = try #require(try store.batch(batch.id))
        #expect(found.images == 0..<3 && found.prompt == "a \"red\" 家" && found.end == nil)
        let page = try #require(try store.page(of: batch.id, from: 0, countMax: 9))
        #expect(page.range.map(page.request(at:)) == (0..<3).map(batch.request(at:)))
        #expect(found.finishedCount == 1 && found.failedCount == 1)
        let images = try store.images(of: batch)
        #expect(images[0]?.result == result && images[0]?.picture?.file == "00000-7.png")
        #expect(images[1]?.picture == nil && images[2]?.hasFailed == true)
        #expect(images[2]?.failures.map(\.reason) == ["lost", "given up"])
        #expect(store.archive.read(result.facts, digest: \.sha256) == Samples.latents(0))
    }

    /// A process that is killed leaves its files as they are at that moment.
    @Test func whatWasAnsweredSurvivesAKillAtAnyMoment() throws {
        let service = try SampleService(path)
        let batch = SampleService.batch("b1", key: "k")

        // Before the commit nothing exists.
        try withCopy { store in
            let stored = try store.storedLedger()
            #expect(stored == StoredLedger())
        }
        // Committed and not answered: it exists, and its key stands for it.
        try service.commit(.accept(batch))
        try withCopy { store in
            let ledger = Ledger(try store.storedLedger())
            #expect(ledger.owner(of: batch.id) == CallerID("a"))
            #expect(try store.storedLedger().live.first?.accepted == batch)
        }
        // Latents that were written and not booked are removed; the image is open.
        let result = SampleService.result(0)
        try service.store.write(Samples.latents(0), sha256: result.facts.sha256)
        try withCopy { store in
            #expect(store.archive.read(result.facts, digest: \.sha256) != nil)
            try store.removeStrays()
            #expect(store.archive.read(result.facts, digest: \.sha256) == nil)
            #expect(try store.storedLedger().live.first?.sampled == [])
        }
        // Booked, and no picture yet: it waits for one.
        try service.store.commit([.result(result)])
        try withCopy { store in
            try store.removeStrays()
            #expect(store.archive.read(result.facts, digest: \.sha256) != nil)
            #expect(try store.storedLedger().live.first?.sampled == [0])
        }
        // The picture is written and not booked: it is made again.
        try service.store.writePicture([1], "00000-7.png", of: batch.id)
        try withCopy { store in
            #expect(try store.storedLedger().live.first?.sampled == [0])
            try store.writePicture([2], "00000-7.png", of: batch.id)
        }
        try service.picture(0, of: "b1", index: 0)
        try withCopy { store in
            let stored = try store.storedLedger()
            #expect(stored.live.first?.finished == [0])
        }
        // Cancelled: late results are dropped with their batch, when that is erased.
        try service.commit(
            .end(batch.id, BatchEnd(status: .cancelled, startedAt: 1, endedAt: 2)))
        try withCopy { store in
            let stored = try store.storedLedger()
            #expect(stored.live.isEmpty && stored.ended.first?.key == "k")
        }
        try service.commit(.erase(batch.id, at: 3))
        try service.finish(1)
        try withCopy { store in
            try store.removeStrays()
            #expect(try store.batch(batch.id) == nil)
            #expect(try store.image(ImageNumber(1)).result == nil)
            let left = try FileManager.default.contentsOfDirectory(atPath: store.archive.path)
            #expect(left.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: store.pictureFolder(of: batch.id)))
        }
    }

    /// What is left of the write-ahead log after a loss of power may end anywhere.
    @Test func aTornLogLosesNothingThatWasCommitted() throws {
        let service = try SampleService(path)
        let log = try Log(path)
        var sizes: [Int] = []
        for number in 0..<12 {
            try service.commit(
                .accept(SampleService.batch("b\(number)", first: 3 * number, key: "k\(number)")))
            sizes.append(try log.bytes().count)
        }
        let bytes = try log.bytes()
        var generator = SplitMix64(seed: 35)
        for round in 0..<30 {
            let length = Int.random(in: 0...bytes.count, using: &generator)
            var torn = bytes.prefix(length)
            if round % 2 == 0, let last = torn.indices.last { torn[last] ^= 0xFF }
            let copy = try TemporaryDirectory()
            try log.database.write(to: URL(filePath: copy.file("service.sqlite")))
            try torn.write(to: URL(filePath: copy.file("service.sqlite-wal")))
            let whole = sizes.count { $0 <= length - (round % 2 == 0 ? 1 : 0) }
            let live = try SampleService(copy.path).store.storedLedger().live
            #expect(live.map(\.accepted.id.text) == (0..<live.count).map { "b\($0)" })
            #expect(live.count >= whole, "\(length) bytes of the log")
        }
    }

    @Test func latentsGoWithTheLastBatchThatNamesThem() throws {
        let service = try SampleService(path)
        try service.commit(
            .accept(SampleService.batch("b1", count: 1)),
            .accept(SampleService.batch("b2", first: 1, count: 1)))
        let result = try service.finish(0, of: 5)
        try service.finish(1, of: 5)
        try service.picture(0, of: "b1", index: 0)
        for (id, isThere) in [("b1", true), ("b2", false)] {
            try service.commit(.erase(BatchID(id), at: 1))
            try service.store.removeFiles(of: BatchID(id))
            let latents = service.store.archive.read(result.facts, digest: \.sha256)
            #expect((latents != nil) == isThere, "after \(id)")
        }
        #expect(
            !FileManager.default.fileExists(
                atPath: service.store.pictureFolder(of: BatchID("b1"))))
    }

    /// Latents that a worker returned again are needed, though nothing names them yet.
    @Test func latentsOnTheirWayStay() throws {
        let service = try SampleService(path)
        try service.commit(
            .accept(SampleService.batch("b1", count: 1)),
            .accept(SampleService.batch("b2", first: 1, count: 1)))
        try service.finish(0, of: 5)
        let second = SampleService.result(1, of: 5)
        try service.store.write(Samples.latents(5), sha256: second.facts.sha256)
        try service.commit(.erase(BatchID("b1"), at: 1))
        try service.store.removeFiles(of: BatchID("b1"))
        try service.store.commit([.result(second)])
        #expect(service.store.archive.read(second.facts, digest: \.sha256) != nil)
    }

    @Test func numbersAreNotUsedTwiceEvenOfForgottenBatches() throws {
        do {
            let service = try SampleService(path)
            let batch = SampleService.batch("b1", first: 40, count: 3)
            try service.commit(
                .accept(batch), .erase(batch.id, at: 1), .forget(batch.id))
        }
        let stored = try SampleService(path).store.storedLedger()
        #expect(stored == StoredLedger(nextImage: ImageNumber(43)))
    }

    @Test func listsShowTheCallersBatchesNewestFirst() throws {
        let service = try SampleService(path)
        for number in 0..<6 {
            try service.commit(
                .accept(
                    SampleService.batch(
                        "b\(number)", first: 3 * number, caller: number == 4 ? "b" : "a")))
        }
        let end = BatchEnd(status: .completed, startedAt: 1, endedAt: 2)
        try service.commit(.end(BatchID("b1"), end))
        func ids(_ change: (inout ServiceStore.Filter) -> Void) throws -> [String] {
            var filter = ServiceStore.Filter(caller: CallerID("a"))
            change(&filter)
            return try service.store.batches(filter).map(\.id.text)
        }
        #expect(try ids { _ in } == ["b5", "b3", "b2", "b1", "b0"])
        #expect(try ids { $0.caller = nil }.count == 6)
        #expect(try ids { $0.before = BatchID("b3") } == ["b2", "b1", "b0"])
        #expect(try ids { $0.status = .completed } == ["b1"])
        #expect(try ids { $0.status = .queued } == ["b5", "b3", "b2", "b0"])
        // The query names those that have begun: a page of others before them hides none.
        func begun(_ status: BatchStatus) throws -> [String] {
            try ids {
                ($0.status, $0.begun, $0.countMax) = (status, [ImageNumber(6), ImageNumber(0)], 2)
            }
        }
        #expect(try begun(.generating) == ["b2", "b0"])
        #expect(try begun(.queued) == ["b5", "b3"])
        #expect(
            try ids { $0.ids = [BatchID("b1"), BatchID("b3"), BatchID("b4")] } == ["b3", "b1"])
        #expect(try ids { $0.text = "A BOAT" }.count == 5)
        #expect(try ids { $0.text = "%" }.isEmpty)
        #expect(try ids { $0.countMax = 2 } == ["b5", "b3"])
    }

    @Test func oneProcessUsesADirectory() throws {
        let service = try SampleService(path)
        #expect(throws: ServiceStateError.self) { try SampleService(path) }
        _ = try service.store.storedLedger()
    }

    @Test func batchesOfAnotherModelAreNotGeneratedWithThisOne() throws {
        let service = try SampleService(path)
        try service.store.bind(to: SampleService.model())
        try service.commit(.accept(SampleService.batch("b1")))
        var other = SampleService.model(name: "two")
        other.fingerprint.unet[0] = 9
        #expect(throws: ServiceStateError.otherModel(path: path, name: "one")) {
            try service.store.bind(to: other)
        }
        // Another decoder makes pictures of the same latents.
        other = SampleService.model()
        other.fingerprint.vae[0] = 9
        try service.store.bind(to: other)
        let end = BatchEnd(status: .completed, startedAt: 1, endedAt: 2)
        try service.commit(.end(BatchID("b1"), end))
        other.fingerprint.unet[0] = 9
        try service.store.bind(to: other)
    }

    @Test func identityAndLivesLast() throws {
        let made = ServiceStore.Identity(
            instance: Array(0..<16), leaseKey: Array(repeating: 7, count: 32))
        for life in 1...3 {
            let store = try SampleService(path).store
            #expect(try store.beginSession(at: 1) == life)
            #expect(
                try store.identity {
                    life == 1 ? made : ServiceStore.Identity(instance: [], leaseKey: [])
                } == made)
        }
    }

    @Test func checkpointsAreKeptUntilTheirImageHasAnOutcome() throws {
        let service = try SampleService(path)
        try service.commit(.accept(SampleService.batch("b1")))
        for (step, image) in [(3, 0), (5, 0), (4, 1), (2, 9)] {
            try service.store.keep(
                SamplingCheckpoint(step: step, kernelClass: "k", bytes: [UInt8(step)]),
                of: ImageNumber(image))
        }
        #expect(
            try service.store.checkpoints().mapValues(\.step) == [
                ImageNumber(0): 5, ImageNumber(1): 4,
            ])
        try service.finish(0)
        #expect(try service.store.checkpoints().keys.map(\.rawValue) == [1])
        let end = BatchEnd(status: .cancelled, startedAt: 1, endedAt: 2)
        try service.commit(.end(BatchID("b1"), end))
        #expect(try service.store.checkpoints().isEmpty)
    }

    // MARK: Keys

    @Test func keysOpenAndAreTakenBack() throws {
        let text = try ServiceStore.addKey(
            named: "ann", weight: 2.5, isAdmin: true, at: 1, in: path)
        #expect(text.hasPrefix("rtm_") && text.utf8.count == 77)
        let store = try SampleService(path).store
        #expect(try store.hasKeys)
        let key = try #require(try store.key(text))
        #expect(key.name == "ann" && key.weight == 2.5 && key.isAdmin && key.usedAt == nil)
        var wrong = Array(text)
        wrong[40] = wrong[40] == "0" ? "1" : "0"
        for bad in [String(wrong), "", "rtm_", String(text.dropLast()), text + "0", "x" + text] {
            #expect(try store.key(bad) == nil, "\(bad)")
        }
        // Nothing of the key itself is on the disk.
        let files = try FileManager.default.contentsOfDirectory(atPath: path)
        for file in files where file.hasPrefix("service.sqlite") {
            let bytes = try Data(contentsOf: URL(filePath: "\(path)/\(file)"))
            #expect(bytes.range(of: Data(text.suffix(64).utf8)) == nil, "\(file)")
        }
        #expect(throws: ServiceStateError.keyName("ann", exists: true)) {
            try ServiceStore.addKey(named: "ann", weight: 1, isAdmin: false, at: 1, in: path)
        }
        // Where no service is, none is made to be looked at.
        let elsewhere = temporary.file("elsewhere")
        #expect(throws: ServiceStateError.noService(path: elsewhere)) {
            try ServiceStore.keys(in: elsewhere)
        }
        #expect(throws: ServiceStateError.noService(path: elsewhere)) {
            try ServiceStore.revokeKey(named: "ann", in: elsewhere)
        }
        #expect(!FileManager.default.fileExists(atPath: elsewhere))
        try ServiceStore.revokeKey(named: "ann", in: path)
        #expect(try store.key(text) == nil)
        #expect(try !store.hasKeys)
        #expect(throws: ServiceStateError.keyName("ann", exists: false)) {
            try ServiceStore.revokeKey(named: "ann", in: path)
        }
    }

    // MARK: Parts

    /// What a process that is killed now leaves to the next one.
    private func withCopy(_ body: (ServiceStore) throws -> Void) throws {
        let copy = try TemporaryDirectory()
        let directory = try copy.copy(path, as: "copy")
        try body(SampleService(directory).store)
    }

    /// The database of a directory, and its log.
    private struct Log {
        let path: String
        let database: Data

        init(_ directory: String) throws {
            path = "\(directory)/service.sqlite-wal"
            database = try Data(contentsOf: URL(filePath: "\(directory)/service.sqlite"))
        }

        func bytes() throws -> Data { try Data(contentsOf: URL(filePath: path)) }
    }
}
