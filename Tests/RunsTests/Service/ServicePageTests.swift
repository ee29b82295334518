// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import GenerationTypes
import Runs
import ServiceLedger
import Synchronization
import TestSupport
import Testing
import WireProtocol

/// Pages of a service's images, and what it writes behind them.
@Suite struct ServicePageTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func pagesHoldTheSpansOfTheirImages() throws {
        let service = try SampleService(path)
        let batch = SampleService.batch("b1", first: 10, count: 40)
        try service.commit(
            .accept(SampleService.batch("b0", count: 10)), .accept(batch),
            .accept(SampleService.batch("b2", first: 50)))
        let result = try service.finish(13)
        func page(_ from: Int, _ count: Int) throws -> StoredPage {
            try #require(try service.store.page(of: batch.id, from: from, countMax: count))
        }
        let whole = try page(0, 1000)
        #expect(whole.range == 0..<40 && whole.spans.map(\.first) == [0, 1])
        #expect(whole.range.map(whole.request(at:)) == (0..<40).map(batch.request(at:)))
        #expect(whole.images.keys.sorted() == [3] && whole.images[3]?.result == result)
        let part = try page(3, 2)
        #expect(part.range == 3..<5 && part.spans.map(\.first) == [1])
        #expect(part.images[3]?.result == result)
        #expect(part.request(at: 4) == batch.request(at: 4))
        #expect(try page(40, 5).range.isEmpty && page(99, 5).spans.isEmpty)
        #expect(try service.store.page(of: BatchID("b9"), from: 0, countMax: 1) == nil)
    }

    /// A prompt of 64 KiB for each of many images is read in pieces.
    @Test func pagesEndWhereTheirPromptsAreLong() throws {
        let service = try SampleService(path)
        let spans = (0..<40).map { index in
            ImageSpan(
                first: GenerationRequest(
                    prompt: String(repeating: "x", count: 64 << 10), seed: UInt64(index * 7),
                    width: 64, height: 64), count: 2)
        }
        let batch = AcceptedBatch(
            Submission(id: BatchID("b1"), caller: CallerID("a"), spans: spans),
            firstImage: ImageNumber(0), acceptedAt: 1)
        try service.commit(.accept(batch))
        var (from, pages) = (0, 0)
        while from < 80 {
            let page = try #require(
                try service.store.page(of: batch.id, from: from, countMax: 1000))
            #expect(page.range.lowerBound == from && (2...34).contains(page.range.count))
            #expect(page.range.map(page.request(at:)) == page.range.map(batch.request(at:)))
            (from, pages) = (page.range.upperBound, pages + 1)
        }
        #expect(pages == 3)
        #expect(try service.store.batch(batch.id)?.prompt.count == 300)
    }

    /// What was on its way when its batch was erased goes, too.
    @Test func whatComesTooLateIsRemoved() throws {
        let service = try SampleService(path)
        let batch = SampleService.batch("b1")
        try service.commit(.accept(batch))
        let result = SampleService.result(0)
        try service.store.write(Samples.latents(0), sha256: result.facts.sha256)
        try service.commit(.erase(batch.id, at: 1))
        try service.store.removeFiles(of: batch.id)
        try service.picture(0, of: "b1", index: 0)
        #expect(!FileManager.default.fileExists(atPath: service.store.pictureFolder(of: batch.id)))
        try service.store.commit([.result(result)])
        #expect(service.store.archive.read(result.facts, digest: \.sha256) == nil)
        let left = try FileManager.default.contentsOfDirectory(atPath: service.store.archive.path)
        #expect(left.isEmpty)
    }

    /// What arrives during a transaction waits for the next one, which is scheduled once.
    @Test func noTransactionIsEmpty() throws {
        let works = Mutex<[@Sendable () -> Void]>([])
        let store = try ServiceStore.open(
            directory: path, onCommitter: { work in works.withLock { $0.append(work) } })
        let id = SampleService.batch("b1").id
        store.commit([.accept(SampleService.batch("b1"))]) { _ in
            store.commit([.releaseKey(id)]) { _ in }
        }
        for expected in [1, 1, 0] {
            let next = works.withLock { works in
                defer { works = [] }
                return works
            }
            #expect(next.count == expected)
            for work in next { work() }
        }
    }

    /// Pictures of which nobody noted the size count as their pixels.
    @Test(arguments: 1...3) func aDirectoryOfAnEarlierLayoutIsTakenOver(_ layout: Int) throws {
        do {
            let service = try SampleService(path)
            try service.commit(.accept(SampleService.batch("b1", key: "k")))
            try service.finish(0)
            try service.picture(0, of: "b1", index: 0)
        }
        do {
            let queue = try DatabaseQueue(path: "\(path)/service.sqlite")
            try queue.write { database in
                try database.execute(
                    sql: """
                        DROP TABLE browser_session;
                        INSERT INTO setting (name, value) VALUES ('session/0', x'00');
                        UPDATE picture SET byte_count = 7;
                        PRAGMA user_version = \(layout);
                        """)
                if layout < 3 {
                    try database.execute(
                        sql: """
                            ALTER TABLE batch DROP COLUMN is_pinned;
                            ALTER TABLE picture DROP COLUMN byte_count;
                            """)
                }
                if layout < 2 { try database.execute(sql: "ALTER TABLE batch DROP COLUMN origin") }
            }
        }
        let store = try SampleService(path).store
        var filter = ServiceStore.Filter(caller: nil)
        filter.mergeMethod = "retom"
        #expect(try store.batches(filter).map(\.id.text) == ["b1"])
        let live = try store.storedLedger().live
        #expect(live.map(\.accepted) == [SampleService.batch("b1", key: "k")])
        let latents = Samples.latents(0)
        let pictureByteCount = layout < 3 ? 3 * 64 * latents.height * latents.width : 7
        #expect(live.first?.byteCount == pictureByteCount + 4 * latents.values.count)
        #expect(try store.key(ofSession: String(repeating: "0", count: 64), at: 0) == nil)
    }
}
