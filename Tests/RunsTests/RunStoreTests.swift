// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Runs
import TestSupport
import Testing
import WireProtocol

/// The account of a run on a real file system.
@Suite struct RunStoreTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func everythingComesBackAsItWas() throws {
        let requests = Samples.requests(3)
        let store = try RunStore.begin(
            Samples.run, requests: requests, directory: path, isSuccessor: false)
        let life = try store.beginSession(at: Samples.date)
        let result = try Samples.store(item: 1, in: store)
        let failures = [
            FailedAttempt(worker: "a:1", attempt: 1, reason: "lost"),
            FailedAttempt(reason: "given up"),
        ]
        try store.commit([
            .failure(ImageNumber(2), failures[0], isFinal: false),
            .failure(ImageNumber(2), failures[1], isFinal: true),
        ])
        let picture = StoredPicture(
            image: 1, file: "00001-1.png", latentsFile: nil, decodeSeconds: 0.25, decodeClass: "v")
        try store.record(picture)
        let traffic = ByteCounts(sent: 7, received: 6, latents: 5, compressedLatents: 4)
        try store.end(life, at: Samples.date, traffic: traffic)

        let history = try RunStore.open(directory: path).history()
        #expect(history.run == Samples.run)
        #expect(history.requests == requests)
        #expect(history.results == [1: result])
        #expect(history.pictures == [1: picture])
        #expect(history.failures == [2: failures] && history.finalFailures == [2])
        #expect(history.sessions.map(\.traffic) == [traffic])
        let seconds = Samples.date.timeIntervalSince1970
        #expect(history.sessions[0].startedAt == seconds)
        #expect(history.sessions[0].finishedAt == seconds)
        #expect(history.openImages == [0])
        #expect(history.hasFailed(2) && !history.hasFailed(1))
    }

    @Test func sessionsAreNumbered() throws {
        let store = try Samples.begin(2, in: path)
        let first = try store.beginSession(at: Samples.date)
        let second = try RunStore.open(directory: path).beginSession(at: Samples.date)
        #expect(second.number == first.number + 1)
    }

    /// What is left of the write-ahead log after a crash may end anywhere.
    @Test func aTornLogLosesNothingThatWasCommitted() throws {
        let store = try Samples.begin(12, in: path)
        let log = "\(RunFileName.database)-wal"
        var sizes: [Int] = []
        for item in 0..<12 {
            try Samples.store(item: item, in: store)
            sizes.append(try Data(contentsOf: URL(filePath: "\(path)/\(log)")).count)
        }
        let database = try Data(contentsOf: URL(filePath: "\(path)/\(RunFileName.database)"))
        let bytes = try Data(contentsOf: URL(filePath: "\(path)/\(log)"))
        var generator = SplitMix64(seed: 34)
        for round in 0..<40 {
            let length = Int.random(in: 0...bytes.count, using: &generator)
            var torn = bytes.prefix(length)
            // A block that was never written reads as anything.
            if round % 2 == 0, let last = torn.indices.last { torn[last] ^= 0xFF }
            let copy = try TemporaryDirectory()
            try database.write(to: URL(filePath: copy.file(RunFileName.database)))
            try torn.write(to: URL(filePath: copy.file(log)))
            let whole = sizes.count { $0 <= length - (round % 2 == 0 ? 1 : 0) }
            guard let opened = try? RunStore.open(directory: copy.path) else {
                // The run itself was not yet accepted.
                #expect(whole == 0, "\(length) bytes of the log")
                continue
            }
            let found = try opened.history().results.keys.map(\.rawValue).sorted()
            #expect(found == Array(0..<found.count), "\(length) bytes of the log")
            #expect(found.count >= whole, "\(length) bytes of the log")
        }
    }

    @Test func damageIsNamed() throws {
        _ = try Samples.begin(2, in: path)
        let file = "\(path)/\(RunFileName.database)"
        try Data(repeating: 0x5A, count: 8192).write(to: URL(filePath: file))
        #expect {
            try RunStore.open(directory: path)
        } throws: {
            guard case .damaged(file, _) = $0 as? RunError else { return false }
            return "\($0)".contains("new directory")
        }
    }

    @Test func aDirectoryWithoutARunSaysSo() throws {
        #expect(throws: RunError.noRun(path: path)) { try RunStore.open(directory: path) }
        // Killed before anything was accepted.
        try Data().write(to: URL(filePath: "\(path)/\(RunFileName.database)"))
        #expect(throws: RunError.noRun(path: path)) { try RunStore.open(directory: path) }
        // It is not in the next run's way.
        #expect(!FileManager.default.fileExists(atPath: "\(path)/\(RunFileName.database)"))
    }

    @Test func anEarlierRunStaysUntilTheNextTakesItsPlace() throws {
        _ = try Samples.begin(2, in: path)
        let next = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        #expect(next.isSuccessor)
        #expect(try RunStore.open(directory: path).history().requests.count == 2)
        try next.takePlace()
        #expect(!next.isSuccessor)
        try Samples.store(item: 4, in: next)
        let history = try RunStore.open(directory: path).history()
        #expect(history.requests.count == 5)
        #expect(history.results.keys.sorted() == [4])
    }

    @Test func aRunKilledWhileItTakesItsPlaceIsResumed() throws {
        _ = try Samples.begin(2, in: path)
        _ = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(
                atPath: "\(path)/\(RunFileName.database)\(suffix)")
        }
        #expect(try RunStore.open(directory: path).history().requests.count == 5)
    }

    @Test func aSuccessorWithoutResultsLeavesNothing() throws {
        _ = try Samples.begin(2, in: path)
        let next = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        next.abandonSuccession()
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(!names.contains { $0.hasPrefix(RunFileName.successor) })
        #expect(try RunStore.open(directory: path).history().requests.count == 2)
    }

    @Test func failuresAndResultsCanBeTakenBack() throws {
        let store = try Samples.begin(2, in: path)
        try Samples.store(item: 0, in: store)
        try Samples.fail(item: 1, in: store)
        try store.reopenFailures()
        #expect(try store.history().openImages == [1])
        try store.forgetResult(of: 0)
        #expect(try store.history().openImages == [0, 1])
    }

    /// Latents that no VAE takes would block their image for ever.
    @Test func whatCannotBeDecodedIsOpenAgain() throws {
        let store = try Samples.begin(3, in: path)
        for item in 0..<3 { try Samples.store(item: item, in: store) }
        let picture = StoredPicture(
            image: 2, file: "00002-2.png", latentsFile: nil, decodeSeconds: 1, decodeClass: "k")
        for item in 1...2 { try Samples.fail(item: item, in: store) }
        // Another way of decoding did it.
        try store.record(picture)
        var history = try store.history()
        #expect(history.openImages.isEmpty && history.undecodedImages == [0, 1])
        #expect(history.images.filter(history.hasFailedToDecode) == [1])
        history.reopenFailures()
        try store.reopenFailures()
        for history in [history, try store.history()] {
            #expect(history.openImages == [1] && history.undecodedImages == [0])
            #expect(history.pictures == [2: picture])
        }
    }

    @Test func latentsThatNoRowNamesAreRemoved() throws {
        let store = try Samples.begin(3, in: path)
        let kept = try Samples.store(item: 0, in: store)
        let unbooked = Samples.latents(1)
        try store.write(unbooked, sha256: unbooked.sha256)
        let mine = ["mine.txt", "\(String(repeating: "a", count: 63)).f32"]
        for name in mine { try temporary.write([1], to: "latents/\(name)") }
        // Two runs share the archive until one takes the other's place.
        let next = try RunStore.begin(
            Samples.run, requests: Samples.requests(2), directory: path, isSuccessor: true)
        try Samples.store(item: 1, in: next)
        try store.removeUnnamedLatents()
        try next.removeUnnamedLatents()
        let folder = temporary.file("latents")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4)
        next.abandonSuccession()
        try store.removeUnnamedLatents()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                == (mine + ["\(Hexadecimal.text(kept.facts.sha256)).f32"]).sorted())
    }

    @Test func checkpointsAreReplacedAndEndWithTheirImage() throws {
        let store = try Samples.begin(3, in: path)
        let old = SamplingCheckpoint(step: 5, kernelClass: "a", bytes: [1, 2, 3])
        let new = SamplingCheckpoint(step: 10, kernelClass: "b", bytes: [4])
        try store.keep(old, of: ImageNumber(0))
        try store.keep(new, of: ImageNumber(0))
        try store.keep(old, of: ImageNumber(1))
        #expect(try RunStore.open(directory: path).checkpoints() == [0: new, 1: old])
        try Samples.store(item: 0, in: store)
        try store.keep(old, of: ImageNumber(0))  // It was under way when the result came.
        try Samples.fail(item: 1, in: store)
        #expect(try store.checkpoints().isEmpty)
    }
}
