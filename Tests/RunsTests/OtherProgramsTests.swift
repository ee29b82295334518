// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import GRDB
import GenerationTypes
import Runs
import Synchronization
import TestSupport
import Testing

/// Programs that look at an account, copy it, or would have it lead elsewhere; and earlier
/// versions.
@Suite struct OtherProgramsTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func aLockIsWaitedForWithAMessage() {
        #expect(LockedDatabase.step(tries: 0) == .wait)
        #expect(LockedDatabase.step(tries: 39) == .wait)
        #expect(LockedDatabase.step(tries: 40) == .say(seconds: 2))
        #expect(LockedDatabase.step(tries: 41) == .wait)
        #expect(LockedDatabase.step(tries: 1200) == .say(seconds: 60))
        #expect(LockedDatabase.step(tries: 11_999) == .wait)
        #expect(LockedDatabase.step(tries: 12_000) == .giveUp)
    }

    @Test func whatAnotherProgramLocksIsWrittenAfterwards() async throws {
        let words = Mutex<[String]>([])
        let said = DispatchSemaphore(value: 0)
        let store = try RunStore.begin(
            Samples.run, requests: Samples.requests(2), directory: path, isSuccessor: false
        ) { word in
            words.withLock { $0.append(word) }
            said.signal()
        }
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(
            path: "\(path)/\(RunFileName.database)", configuration: configuration)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        // The other program ends its transaction after the store's message.
        Thread.detachNewThread {
            said.wait()
            try? other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        }
        try Samples.store(item: 0, in: store)
        #expect(try store.history().results.keys.sorted() == [0])
        let heard = words.withLock { $0 }
        #expect(heard.count == 1 && heard[0].contains("locked by another program for 2 s"))
    }

    @Test func aLookChangesNothing() throws {
        #expect(try RunStore.peek(directory: path) == nil)
        let store = try Samples.begin(2, in: path)
        try Samples.store(item: 1, in: store)
        // A copy is what a killed process leaves.
        let killed = try TemporaryDirectory()
        try withExtendedLifetime(store) {
            for name in temporary.contents { _ = try killed.copy(temporary.file(name), as: name) }
        }
        func contents() throws -> [String: Data] {
            var contents: [String: Data] = [:]
            for name in ["run.sqlite", "run.sqlite-wal"] {
                contents[name] = try Data(contentsOf: URL(filePath: killed.file(name)))
            }
            return contents
        }
        let before = try contents()
        let history = try #require(try RunStore.peek(directory: killed.path))
        #expect(history.results.keys.sorted() == [1] && history.openImages == [0])
        #expect(try contents() == before)
        // What is not accepted is no run.
        let empty = try TemporaryDirectory()
        try empty.write([UInt8](), to: RunFileName.database)
        #expect(try RunStore.peek(directory: empty.path) == nil)
        #expect(empty.contents.contains(RunFileName.database))
    }

    @Test(arguments: ["", "-wal", "-shm", "-journal"])
    func linksAreNotFollowed(_ suffix: String) throws {
        try temporary.write("precious", to: "victim")
        try FileManager.default.createDirectory(
            atPath: temporary.file("out"), withIntermediateDirectories: true)
        if !suffix.isEmpty { _ = try Samples.begin(2, in: temporary.file("out")) }
        let link = temporary.file("out/\(RunFileName.database)\(suffix)")
        try? FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: temporary.file("victim"))
        for read in [
            { _ = try RunStore.open(directory: temporary.file("out")) },
            { _ = try RunStore.peek(directory: temporary.file("out")) },
        ] as [() throws -> Void] {
            #expect(
                throws: RunError.damaged(path: link, reason: "it is not a regular file")
            ) { try read() }
        }
        #expect(temporary.text(of: "victim") == "precious")
    }

    /// Every later version resumes it.
    @Test(arguments: EarlierRun.allCases)
    func anEarlierLayoutIsReadAndResumed(_ earlier: EarlierRun) throws {
        let out = try earlier.copy(to: temporary, as: "out")
        let seen = try #require(try RunStore.peek(directory: out))
        let store = try RunStore.open(directory: out)
        let history = try store.history()
        for history in [seen, history] {
            #expect(history.requests.map(\.seed) == [100, 101, 102])
            #expect(history.requests.allSatisfy { $0.prompt == "a red house" })
            #expect(history.run.settings["precision"] == "f32" && history.run.savesLatents)
            #expect(history.results[0].map { Hexadecimal.text($0.facts.sha256) } == earlier.digest)
            #expect(history.pictures[0]?.file == "00000-100.png")
            #expect((history.pictures[0]?.decodeClass == nil) == (earlier == .layout2))
            #expect(history.openImages == [1, 2])
        }
        // Only a session changes it, and then the checkpoints, which no worker could use, are gone.
        func layout() throws -> Int? {
            try DatabaseQueue(path: "\(out)/\(RunFileName.database)").read {
                try Int.fetchOne($0, sql: "PRAGMA user_version")
            }
        }
        #expect(try layout() == earlier.rawValue)
        _ = try store.beginSession(at: Samples.date)
        #expect(try layout() == 4 && store.checkpoints().isEmpty)
        let picture = StoredPicture(
            image: 0, file: "x", latentsFile: nil, decodeSeconds: 1, decodeClass: "k")
        try store.record(picture)
        #expect(try RunStore.open(directory: out).history().pictures == [0: picture])
        // From now on what was accepted is sealed.
        let queue = try DatabaseQueue(path: "\(out)/\(RunFileName.database)")
        try queue.write {
            try $0.execute(sql: "UPDATE image SET request = replace(request, 'red', 'bed')")
        }
        #expect(throws: RunError.self) { try RunStore.open(directory: out).history() }
    }

    /// The old JSON of requests and of what merging did, in both ways of reading it.
    @Test func requestsOfLayout3KeepAllTheirSettings() throws {
        let out = try EarlierRun.layout3.copy(to: temporary, as: "out")
        var tome = TokenMergeConfiguration(method: "tome")
        (tome.ratio, tome.strideY) = (0.4, 4)
        var quarter = TokenMergeConfiguration()
        quarter.ratio = 0.25
        let expected = [
            GenerationRequest(
                prompt: "a red house", seed: 100, width: 64, height: 64, inferenceStepCount: 40),
            GenerationRequest(
                prompt: "a red house", negativePrompt: "blur", seed: 101, width: 64, height: 64,
                inferenceStepCount: 60, guidanceScale: 6.1, samplingMethod: .dpmPlusPlus2M,
                sigmaSchedule: .karras, clipSkip: 2, tokenMerging: tome),
            GenerationRequest(
                prompt: "a red house", seed: 102, width: 64, height: 64, inferenceStepCount: 48,
                guidanceScale: 1, samplingMethod: .tcd, eta: 0.45, tokenMerging: quarter),
        ]
        let peeked = try #require(try RunStore.peek(directory: out))
        let store = try RunStore.open(directory: out)
        for history in [peeked, try store.history(), try RunStore.open(directory: out).history()] {
            #expect(history.requests == expected)
            let merging = try #require(history.results[0]?.facts.tokenMerging)
            #expect(merging.computedPlanCount == 24 && merging.reusedPlanCount == 96)
            #expect(merging.tokenCountBefore == 15_360 && merging.tokenCountAfter == 7680)
        }
        #expect(try store.checkpoints()[1]?.step == 40)
        _ = try store.beginSession(at: Samples.date)
        let rewritten = try store.history()
        #expect(rewritten.requests == expected)
        #expect(rewritten.results[0]?.facts.tokenMerging.tokenCountAfter == 7680)
    }

    /// What was changed in an earlier layout is not sealed again.
    @Test func aDamagedEarlierLayoutIsRefused() throws {
        let out = try EarlierRun.layout3.copy(to: temporary, as: "out")
        try DatabaseQueue(path: "\(out)/\(RunFileName.database)").write {
            try $0.execute(sql: "UPDATE image SET request = replace(request, 'red', 'bed')")
        }
        #expect(throws: RunError.self) { try RunStore.peek(directory: out) }
        #expect(throws: RunError.self) { try RunStore.open(directory: out).history() }
        #expect(throws: RunError.self) {
            try RunStore.open(directory: out).beginSession(at: Samples.date)
        }
    }

    /// A later version of this layout may have written what this one would sample wrongly.
    @Test func anUnknownSettingIsRefusedByName() throws {
        let path = temporary.path
        let store = try Samples.begin(2, in: path)
        let file = "\(path)/\(RunFileName.database)"
        try DatabaseQueue(path: file).write {
            try $0.execute(
                sql: """
                    UPDATE image SET request = '{"lora":"x",' || substr(request, 2) WHERE item = 1
                    """)
        }
        #expect(throws: RunError.unknownSetting(path: file, key: "lora")) {
            try store.history()
        }
    }
}
