// SPDX-License-Identifier: Apache-2.0

import ServiceAPI
import ServiceLedger
import Testing

/// Fields of requests, and the shape of problems.
@Suite struct FieldTests {
    @Test(
        arguments: [
            ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("Basic dTprZXk=", "key"),
            ("Basic OmtleTp3aXRoOmNvbG9ucw==", "key:with:colons"), ("Bearer None", nil), ("", nil),
            ("Basic ", nil), ("Basic !!!", nil), ("Basic dXNlcg==", nil), ("Bearer ", nil),
            ("Digest abc", nil), (nil, nil),
        ] as [(String?, String?)]) func credentials(_ field: String?, _ key: String?)
    {
        #expect(Credentials.key(in: field) == key)
    }

    @Test(
        arguments: [
            ("bytes=0-0", ByteRange.part(0..<1)), ("bytes=2-", .part(2..<10)),
            ("bytes=-3", .part(7..<10)), ("bytes=-30", .part(0..<10)),
            ("bytes=4-99", .part(4..<10)),
            ("bytes=10-", .unsatisfiable), ("bytes=-0", .unsatisfiable), (nil, .whole),
            ("bytes=5-2", .whole), ("bytes=0-1,4-5", .whole), ("lines=0-1", .whole),
            ("bytes=a-b", .whole), ("bytes=", .whole), ("bytes=-", .whole),
            ("bytes=0-99999999999999999999", .whole),
            ("bytes=0-9223372036854775807", .part(0..<10)),
        ] as [(String?, ByteRange)]) func ranges(_ field: String?, _ range: ByteRange)
    {
        #expect(ByteRange(field, byteCount: 10) == range)
    }

    @Test func anEmptyFileHasNoPart() {
        #expect(ByteRange("bytes=0-", byteCount: 0) == .unsatisfiable)
    }

    /// Every refusal says what to do, and those that pass say when to come back.
    @Test func refusalsHaveStatusAndAdvice() {
        let cases: [(LedgerRefusal, Int, Bool)] = [
            (.keyReused, 422, false), (.callerQueueFull(count: 3, max: 3), 429, true),
            (.queueFull(count: 3, max: 3), 429, true),
            (.batchTooLarge(count: 4, max: 3), 422, false),
            (.tooFast(retryAfterSeconds: 0.2), 429, true), (.draining, 503, true),
            (.unknownBatch, 404, false), (.erased, 410, false),
        ]
        for (refusal, status, returns) in cases {
            let problem = APIProblem(refusal, batch: "b")
            #expect(problem.status == status && (problem.retryAfterSeconds != nil) == returns)
            #expect(problem.json.contains("\"status\":\(status)"), "\(problem.json)")
            #expect((1...120).contains(problem.retryAfterSeconds ?? 1))
        }
        #expect(APIProblem(.tooFast(retryAfterSeconds: 1e9), batch: "").retryAfterSeconds == 120)
    }

    @Test func aSlowWatcherCostsOneEntryPerImage() async {
        let queue = EventQueue()
        let id = BatchID("b")
        for _ in 0..<1000 {
            queue.add(.progress(id, index: 1))
            queue.add(.image(id, index: 2))
        }
        queue.add(.batch(id))
        #expect(await queue.next() == [.progress(id, index: 1), .image(id, index: 2), .batch(id)])
        queue.wake()
        #expect(await queue.next() == [])
        queue.add(.batch(id))
        queue.end()
        #expect(await queue.next() == [.batch(id)])
        #expect(await queue.next() == nil)
    }
}
