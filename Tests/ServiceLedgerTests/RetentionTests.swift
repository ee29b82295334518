// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger
import TestSupport
import Testing

/// What a ledger keeps.
@Suite struct RetentionTests {
    private let own = Visitor(CallerID("a"))

    /// A service that has ended batches of some sizes, in this order.
    private func service(_ byteCounts: [Int], keeping max: Int?) -> Subject {
        var limits = LedgerLimits()
        (limits.keepByteCount, limits.retentionInterval) = (max, 5)
        var service = Subject(limits: limits)
        for (index, byteCount) in byteCounts.enumerated() {
            service.now = Double(index)
            _ = service.submit("a", "b\(index)", ticket: index)
            _ = service.commitAll()
            _ = service.finish(index, byteCount: byteCount)
            _ = service.commitAll()
        }
        return service
    }

    private func erased(_ actions: [LedgerAction]) -> [String] {
        actions.compactMap(\.changes).joined().compactMap { change in
            if case .erase(let id, _) = change { id.text } else { nil }
        }
    }

    @Test func whatEndedFirstGoesFirst() {
        var service = service([40, 30, 20, 10], keeping: 50)
        #expect(erased(service.apply(.tick)) == ["b0", "b1"])
        // What is on its way counts as gone.
        #expect(erased(service.apply(.tick)).isEmpty)
        #expect(service.commitAll().contains(.removeFiles(BatchID("b0"))))
        #expect(service.kind(of: "b1", own) == "erased" && service.kind(of: "b2", own) == "ended")
        #expect(erased(service.apply(.tick)).isEmpty)
    }

    @Test func namesOfErasedBatchesAreBounded() {
        var limits = LedgerLimits()
        (limits.keepSeconds, limits.tombstoneCountMax, limits.retentionInterval) = (1, 2, 5)
        var service = Subject(limits: limits)
        for index in 0..<4 {
            service.now = Double(10 * index)
            // A key still stands for its batch.
            _ = service.submit("a", "b\(index)", key: index == 0 ? "k" : nil, ticket: index)
            _ = service.commitAll()
            _ = service.finish(index)
            _ = service.commitAll()
            service.now += 9
            #expect(erased(service.apply(.tick)) == ["b\(index)"])
            _ = service.commitAll()
        }
        let kinds = { (service: Subject) in (0..<4).map { service.kind(of: "b\($0)", own) } }
        #expect(kinds(service) == ["erased", "erased", "erased", "erased"])
        service.now += 5
        #expect(service.apply(.tick).compactMap(\.changes) == [[.forget(BatchID("b1"))]])
        _ = service.commitAll()
        #expect(kinds(service) == ["erased", "unknown", "erased", "erased"])
        #expect(
            service.submit("a", "b9", key: "k", ticket: 9).answers
                == [.accepted(BatchID("b0"), isReplay: true)])
    }

    @Test func whatIsPinnedStays() {
        var service = service([40, 30, 20], keeping: 10)
        let id = BatchID("b0")
        func pin(_ isPinned: Bool, by caller: String = "a", ticket: Int) -> LedgerEvent {
            .pin(
                id, isPinned: isPinned, by: Visitor(CallerID(caller)), ticket: Ticket(ticket))
        }
        #expect(
            service.apply(pin(true, by: "b", ticket: 5)).answers == [.refused(.unknownBatch)])
        // At once, also where the disk is slow.
        #expect(
            service.apply(pin(true, ticket: 6)).compactMap(\.changes)
                == [[.pin(id, isPinned: true)]])
        #expect(erased(service.apply(.tick)) == ["b1", "b2"])
        #expect(service.commitAll().answers == [.done(id)])
        service.now = 30 * 86_400
        #expect(erased(service.apply(.tick)).isEmpty)
        _ = service.apply(pin(false, ticket: 7))
        #expect(service.commitAll().answers == [.done(id)])
        #expect(erased(service.apply(.tick)) == ["b0"])
        // Too late.
        #expect(service.apply(pin(true, ticket: 8)).answers == [.refused(.erased)])
        _ = service.commitAll()
        #expect(service.apply(pin(true, ticket: 9)).answers == [.refused(.erased)])
    }

    @Test func pinsAndSizesSurviveARestart() {
        let stored = StoredLedger(
            nextImage: ImageNumber(3),
            ended: [
                ("b0", 40, true), ("b1", 30, false), ("b2", 20, false),
            ].map { name, byteCount, isPinned in
                EndedBatch(
                    id: BatchID(name), caller: CallerID("a"), key: nil, bodyDigest: [],
                    status: .completed, endedAt: 1, byteCount: byteCount, isPinned: isPinned)
            })
        var limits = LedgerLimits()
        limits.keepByteCount = 60
        var service = Subject(stored, limits: limits)
        service.now = 2
        #expect(erased(service.apply(.tick)) == ["b1"])
    }

    /// A live batch counts, and is not touched.
    @Test func nothingThatIsGeneratedIsErased() {
        var service = service([40], keeping: 50)
        _ = service.submit("a", "live", count: 2, ticket: 8)
        _ = service.commitAll()
        _ = service.finish(1, byteCount: 60)
        #expect(erased(service.apply(.tick)) == ["b0"])
        _ = service.commitAll()
        #expect(erased(service.apply(.tick)).isEmpty)
        #expect(service.kind(of: "live", own) == "live")
    }

    /// A request that is being answered has its pictures until it leaves.
    @Test func nothingThatARequestWaitsForIsErased() {
        var limits = LedgerLimits()
        limits.keepByteCount = 10
        var service = Subject(limits: limits)
        _ = service.submit("a", "b0", origin: .sdapi, ticket: 1)
        _ = service.commitAll()
        _ = service.finish(0, byteCount: 60)
        _ = service.commitAll()
        #expect(erased(service.apply(.tick)).isEmpty)
        _ = service.apply(.left(BatchID("b0"), isAnswered: true))
        #expect(erased(service.apply(.tick)) == ["b0"])
    }

    /// More than are erased at once go with the following ticks.
    @Test func manyGoInSteps() {
        let ended = (0..<300).map {
            EndedBatch(
                id: BatchID("b\($0)"), caller: CallerID("a"), key: nil, bodyDigest: [],
                status: .completed, endedAt: Double($0))
        }
        var service = Subject(StoredLedger(nextImage: ImageNumber(0), ended: ended))
        service.now = 30 * 86_400
        #expect(erased(service.apply(.tick)).count == 256)
        service.now += 1
        #expect(erased(service.apply(.tick)).count == 44)
    }

    /// However many old batches have no files, the large one after them goes.
    @Test func emptyBatchesDoNotProtectLargeOnes() {
        var ended = (0..<100).map {
            EndedBatch(
                id: BatchID("b\($0)"), caller: CallerID("a"), key: nil, bodyDigest: [],
                status: .completed, endedAt: Double($0))
        }
        ended[99].byteCount = 1000
        var limits = LedgerLimits()
        limits.keepByteCount = 500
        var service = Subject(
            StoredLedger(nextImage: ImageNumber(0), ended: ended), limits: limits)
        service.now = 200
        #expect(erased(service.apply(.tick)) == ["b99"])
    }
}
