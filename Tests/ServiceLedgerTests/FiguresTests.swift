// SPDX-License-Identifier: Apache-2.0

import ServiceLedger
import Testing

/// A ledger in figures.
@Suite struct FiguresTests {
    @Test func imagesAndBatchesAreCountedByWhatTheyAre() {
        var service = Subject()
        let empty = service.ledger.figures(now: 5)
        #expect(empty.openCounts == [.interactive: 0, .normal: 0, .background: 0])
        #expect(empty.batchCounts.count == BatchStatus.allCases.count)
        #expect(empty.batchCounts.values.allSatisfy { $0 == 0 })
        #expect(empty.oldestWaitSeconds == 0 && empty.openSeconds == 0)
        service.now = 100
        _ = service.submit("a", "b1", count: 2, ticket: 1)
        _ = service.commitAll()
        service.now = 110
        _ = service.submit("a", "b2", count: 3, priority: .background, ticket: 2)
        #expect(service.ledger.figures(now: 110).openCounts[.background] == 0, "not on the disk")
        _ = service.commitAll()
        let waiting = service.ledger.figures(now: 130)
        #expect(waiting.openCounts == [.interactive: 0, .normal: 2, .background: 3])
        #expect(waiting.openSeconds == nil, "no image has said how long it takes")
        #expect(waiting.oldestWaitSeconds == 30)
        #expect(waiting.batchCounts[.queued] == 2)
        _ = service.finish(0, seconds: 5)
        let later = service.ledger.figures(now: 130)
        #expect(later.openCounts[.normal] == 1 && later.openSeconds == 20)
        #expect(later.batchCounts[.queued] == 1 && later.batchCounts[.generating] == 1)
        #expect(later.oldestWaitSeconds == 30)
        // The last image of the first batch is with the worker: only the second waits.
        _ = service.finish(2)
        #expect(service.ledger.figures(now: 130).oldestWaitSeconds == 20)
        #expect(service.ledger.figures(now: 90).oldestWaitSeconds == 0, "the clock was set back")
        _ = service.finish(1)
        _ = service.apply(
            .cancel(BatchID("b2"), by: Visitor(CallerID("a")), ticket: Ticket(3)))
        #expect(service.ledger.figures(now: 130).oldestWaitSeconds == 0, "it is about to end")
        _ = service.commitAll()
        let ended = service.ledger.figures(now: 130)
        #expect(ended.batchCounts[.completed] == 1 && ended.batchCounts[.cancelled] == 1)
        #expect(ended.openCounts[.background] == 0 && ended.openSeconds == 0)
        _ = service.apply(
            .erase(BatchID("b1"), by: Visitor(CallerID("a")), ticket: Ticket(4)))
        _ = service.commitAll()
        #expect(service.ledger.figures(now: 130).batchCounts[.completed] == 0)
    }

    @Test func statusesSurviveARestart() {
        let ended = [BatchStatus.completed, .failed, .failed].enumerated().map { index, status in
            EndedBatch(
                id: BatchID("b\(index)"), caller: CallerID("a"), key: nil, bodyDigest: [],
                status: status, endedAt: 1, origin: .openai)
        }
        var service = Subject(StoredLedger(ended: ended))
        #expect(service.ledger.figures(now: 2).batchCounts[.completed] == 1)
        #expect(service.ledger.figures(now: 2).batchCounts[.failed] == 2)
        // Their requests were answered or lost in a life before.
        service.now = 5000
        _ = service.apply(.tick)
        #expect(service.ledger.figures(now: 5000).orphanCounts.values.allSatisfy { $0 == 0 })
    }

    /// A request that is answered leaves no orphan; each orphan has one end.
    @Test func orphansAreCountedByTheirEnds() {
        var service = Subject(workers: 9)
        var counts: [OrphanEnd: Int] { service.ledger.figures(now: service.now).orphanCounts }
        for (ticket, id) in ["b0", "b1", "b2", "b3"].enumerated() {
            _ = service.submit("a", id, body: UInt8(ticket), origin: .openai, ticket: ticket)
            _ = service.commitAll()
        }
        _ = service.finish(0)
        _ = service.commitAll()
        for index in 0..<4 {
            _ = service.apply(.left(BatchID("b\(index)"), isAnswered: index == 0))
        }
        #expect(counts == [.adopted: 0, .finished: 0, .cancelled: 0])
        _ = service.finish(1)
        _ = service.commitAll()
        #expect(counts == [.adopted: 0, .finished: 1, .cancelled: 0])
        // One that was finished stays so, also when its client comes back.
        _ = service.admit("a", body: 1, origin: .openai, isRepeat: true, ticket: 5)
        _ = service.admit("a", body: 2, origin: .openai, isRepeat: true, ticket: 6)
        #expect(counts == [.adopted: 1, .finished: 1, .cancelled: 0])
        service.now = 61
        _ = service.apply(.tick)
        _ = service.commitAll()
        #expect(counts == [.adopted: 1, .finished: 1, .cancelled: 1])
        // Lost again, and cancelled by its caller.
        _ = service.apply(.left(BatchID("b2"), isAnswered: false))
        _ = service.apply(
            .cancel(BatchID("b2"), by: Visitor(CallerID("a")), ticket: Ticket(7)))
        service.now = 500
        _ = service.apply(.tick)
        _ = service.commitAll()
        _ = service.apply(.tick)
        #expect(counts == [.adopted: 1, .finished: 1, .cancelled: 2])
    }
}
