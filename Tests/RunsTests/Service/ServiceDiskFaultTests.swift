// SPDX-License-Identifier: Apache-2.0

import DiskFaults
import GenerationTypes
import Glibc
import Runs
import ServiceLedger
import TestSupport
import Testing
import WireProtocol

/// A service on a disk that fails at every single write, synchronisation and rename in turn, SQLite's
/// included, and that then loses what was not synchronised.
@Suite struct ServiceDiskFaultTests {
    /// What a service was told is on the disk.
    private struct Life {
        var acknowledged: [String] = []
        var hasFailed = false
        /// Something was said to be on the disk after that.
        var claimedSuccessLater = false

        mutating func attempt(_ what: String, _ body: () throws -> Void) {
            do {
                try body()
                if hasFailed { claimedSuccessLater = true }
                acknowledged.append(what)
            } catch {
                hasFailed = true
            }
        }
    }

    private static let before = SampleService.batch("before", count: 2, key: "k0")
    private static let batch = SampleService.batch("batch", first: 2, count: 2, key: "k1")

    /// A service that submits, stores, cancels and erases.
    private static func live(in path: String) -> Life {
        var life = Life()
        guard let service = try? SampleService(path),
            (try? service.store.beginSession(at: 1)) != nil
        else {
            life.hasFailed = true
            return life
        }
        life.attempt("submit") { try service.commit(.accept(batch)) }
        life.attempt("result") { try service.finish(2) }
        life.attempt("picture") {
            let name = RunFileName.picture(ImageNumber(0), seed: 7)
            try service.store.writePicture([1, 2, 3], name, of: batch.id)
            try service.record(2, name, of: batch.id)
        }
        life.attempt("pin") { try service.commit(.pin(batch.id, isPinned: true)) }
        life.attempt("failure") {
            let failure = FailedAttempt(reason: "no")
            try service.store.commit([.failure(ImageNumber(3), failure, isFinal: true)])
        }
        life.attempt("cancel") {
            let end = BatchEnd(status: .cancelled, startedAt: 1, endedAt: 2)
            try service.commit(.end(before.id, end))
        }
        life.attempt("release") { try service.commit(.releaseKey(before.id)) }
        life.attempt("erase") { try service.commit(.erase(before.id, at: 3)) }
        // As retention does; the latents are also image 2's.
        life.attempt("remove") { try service.store.removeFiles(of: before.id) }
        life.attempt("forget") { try service.commit(.forget(before.id)) }
        return life
    }

    /// Opens what is left and checks that everything that was said is so.
    private static func check(_ life: Life, in path: String, _ when: String) throws {
        let disk = FaultyDisk(path)
        defer { disk.release() }
        let service = try SampleService(path)
        let stored = try service.store.storedLedger()
        let ended = stored.ended.first { $0.id == before.id }
        // Whether that was answered or not: it comes last.
        let isForgotten =
            ended == nil && !stored.live.contains { $0.accepted.id == before.id }
        for what in life.acknowledged {
            switch what {
            case "submit":
                let live = stored.live.first { $0.accepted.id == batch.id }
                #expect(live?.accepted == batch, "\(when)")
                #expect(stored.nextImage == ImageNumber(4), "\(when)")
            case "result":
                let result = try #require(try service.store.image(ImageNumber(2)).result, "\(when)")
                let latents = service.store.archive.read(result.facts, digest: \.sha256)
                #expect(latents == Samples.latents(2), "\(when)")
            case "failure":
                #expect(try service.store.image(ImageNumber(3)).hasFailed, "\(when)")
            case "picture":
                let found = try service.store.image(ImageNumber(2)).picture
                let file = try #require(found?.file, "\(when)")
                let bytes = ServiceStore.file(
                    "\(service.store.pictureFolder(of: batch.id))/\(file)")
                #expect(bytes == [1, 2, 3], "\(when)")
            case "pin":
                #expect(stored.live.first { $0.accepted == batch }?.isPinned == true, "\(when)")
            case "cancel" where isForgotten, "release" where isForgotten, "erase" where isForgotten,
                "remove":
                break
            case "cancel": #expect(ended?.endedAt == 2, "\(when)")
            case "release": #expect(ended != nil && ended?.key == nil, "\(when)")
            case "erase": #expect(ended?.erasedAt == 3, "\(when)")
            case "forget": #expect(ended == nil, "\(when)")
            default: Issue.record("\(what)")
            }
        }
        // What nobody was told may be there, but not by half.
        let known = stored.live.map(\.accepted) + (ended == nil ? [] : [before])
        #expect(known.contains(before) || life.acknowledged.contains("remove"), "\(when)")
        #expect(known.allSatisfy { $0 == before || $0 == batch }, "\(when)")
        try service.store.removeStrays()
        if let result = try service.store.image(ImageNumber(2)).result {
            let latents = service.store.archive.read(result.facts, digest: \.sha256)
            #expect(latents == Samples.latents(2), "\(when), strays removed")
        }
        try service.commit(.accept(SampleService.batch("after", first: 10)))
    }

    private static func test(_ fault: FaultyDisk.Fault?, _ code: Int32) throws -> Int {
        let temporary = try TemporaryDirectory()
        let disk = FaultyDisk(temporary.path)
        do {
            let service = try SampleService(temporary.path)
            _ = try service.store.beginSession(at: 1)
            try service.commit(.accept(before))
            // Of the same latents as an image of the other batch.
            try service.finish(0, of: 2)
        }
        disk.fail(fault ?? .once(0), code: code)
        let life = live(in: temporary.path)
        let count = disk.operationCount
        let image = disk.image
        disk.release()
        let what = "\(fault.map { "\($0)" } ?? "no fault"), error \(code)"
        #expect(!life.claimedSuccessLater, "\(what)")
        if fault == nil { #expect(life.acknowledged.count == 10, "\(what): \(life)") }
        var generator = SplitMix64(seed: UInt64(count))
        // One fault leaves what was synchronised, a disk that stays full some of the rest, too.
        let kept = if case .from? = fault { 0.7 } else { 0.0 }
        let left = try TemporaryDirectory()
        try image.write(to: left.path) { Double.random(in: 0..<1, using: &generator) < kept }
        try check(life, in: left.path, "\(what), power lost, \(kept) kept")
        try check(life, in: temporary.path, "\(what), killed")
        return count
    }

    /// In four parts, which run at once.
    @Test(arguments: 1...4) func whatWasAnsweredIsThereWhateverFails(_ part: Int) throws {
        let count = try Self.test(nil, EIO)
        #expect(count > 40)
        for ordinal in stride(from: part, through: count, by: 4) {
            _ = try Self.test(.once(ordinal), EIO)
            _ = try Self.test(.from(ordinal), ENOSPC)
        }
    }
}
