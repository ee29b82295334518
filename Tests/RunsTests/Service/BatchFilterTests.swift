// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import GenerationTypes
import Runs
import ServiceLedger
import TestSupport
import Testing

/// Lists of batches by their models and by how their tokens merge.
@Suite struct BatchFilterTests {
    let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    private func batch(_ id: String, first: Int, methods: [String]) -> AcceptedBatch {
        let spans = methods.enumerated().map { index, method in
            ImageSpan(
                first: GenerationRequest(
                    prompt: "a \"method\":\"tome\" {", seed: UInt64(10 * index), width: 64,
                    height: 64, tokenMerging: TokenMergeConfiguration(method: method)), count: 2)
        }
        return AcceptedBatch(
            Submission(id: BatchID(id), caller: CallerID("a"), spans: spans),
            firstImage: ImageNumber(first), acceptedAt: 1)
    }

    private func ids(
        _ store: ServiceStore, _ change: (inout ServiceStore.Filter) -> Void
    ) throws -> [String] {
        var filter = ServiceStore.Filter(caller: CallerID("a"))
        change(&filter)
        return try store.batches(filter).map(\.id.text)
    }

    @Test func aBatchIsFoundByTheMergingOfAnyImage() throws {
        let service = try SampleService(temporary.path)
        try service.commit(
            .accept(batch("b1", first: 0, methods: ["none", "retom"])),
            .accept(batch("b2", first: 4, methods: ["retom"])),
            .accept(batch("b3", first: 6, methods: ["tome", "none", "tome"])))
        func found(_ method: String) throws -> [String] {
            try ids(service.store) { $0.mergeMethod = method }
        }
        #expect(try found("none") == ["b3", "b1"])
        #expect(try found("retom") == ["b2", "b1"])
        #expect(try found("tome") == ["b3"])
        #expect(try found("todo") == [])
        #expect(
            try ids(service.store) { ($0.mergeMethod, $0.before) = ("none", BatchID("b3")) }
                == ["b1"])
        try service.commit(.erase(BatchID("b3"), at: 2))
        #expect(try found("tome") == [])
    }

    /// What is absent has its default, and what can't be read is found by no method.
    @Test func requestsOfOtherVersionsAreFoundToo() throws {
        let service = try SampleService(temporary.path)
        try service.commit(
            .accept(batch("b1", first: 0, methods: ["none"])),
            .accept(batch("b2", first: 2, methods: ["none"])),
            .accept(batch("b3", first: 4, methods: ["none"])))
        let queue = try DatabaseQueue(path: "\(temporary.path)/service.sqlite")
        try queue.write { database in
            try database.execute(
                sql: """
                    UPDATE span SET request = json_remove(request, '$.token_merging')
                        WHERE first_image = 0;
                    UPDATE span SET request = 'damaged' WHERE first_image = 2
                    """)
            // Otherwise a list reads the requests of all batches.
            let plan = try Row.fetchAll(
                database,
                sql: "EXPLAIN QUERY PLAN SELECT 1 FROM span WHERE \(mergeMethod(database)) = 'x'")
            #expect("\(plan)".contains("span_by_merging"), "\(plan)")
        }
        #expect(try ids(service.store) { $0.mergeMethod = "retom" } == ["b1"])
        #expect(try ids(service.store) { $0.mergeMethod = "none" } == ["b3"])
    }

    /// What the index is by.
    private func mergeMethod(_ database: Database) throws -> String {
        let sql = try String.fetchOne(
            database, sql: "SELECT sql FROM sqlite_master WHERE name = 'span_by_merging'")
        let text = try #require(sql)
        let start = try #require(text.range(of: "("))
        let end = try #require(text.range(of: ", first_image)"))
        return String(text[start.upperBound..<end.lowerBound])
    }

    @Test func batchesAreFoundByTheirModels() throws {
        let service = try SampleService(temporary.path)
        let unknown = try service.store.modelHistory(current: "now")
        #expect(unknown.names == ["now"] && unknown.firstImages(of: "now") == [0..<Int.max])
        func end(_ id: String) -> LedgerChange {
            .end(BatchID(id), BatchEnd(status: .completed, startedAt: 1, endedAt: 2))
        }
        for (index, name) in ["one", "two", "one"].enumerated() {
            var model = SampleService.model(name: name)
            model.fingerprint = ModelFingerprint(
                unet: Array(repeating: UInt8(name.utf8.count + index), count: 32),
                textEncoder: Array(repeating: 2, count: 32), vae: Array(repeating: 3, count: 32))
            try service.store.bind(to: model)
            let id = "b\(index)"
            try service.commit(
                .accept(batch(id, first: 2 * index, methods: ["none"])), end(id))
        }
        let history = try service.store.modelHistory(current: "one")
        #expect(history.names == ["one", "two"])
        #expect(
            [0, 1, 2, 4, 9].map { history.name(ofBatchAt: $0) }
                == ["one", "one", "two", "one", "one"])
        func found(_ name: String) throws -> [String] {
            try ids(service.store) { $0.firstImages = history.firstImages(of: name) }
        }
        #expect(try found("one") == ["b2", "b0"])
        #expect(try found("two") == ["b1"])
        #expect(try found("three") == [])
    }
}
