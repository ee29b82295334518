// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger
import TestSupport
import Testing

/// Requests that wait for their batches, lost and repeated.
@Suite struct OrphanTests {
    private let id = BatchID("b1")

    /// A service with a request that waits.
    private func waiting(count: Int = 1) -> Subject {
        var limits = LedgerLimits()
        (limits.orphanGraceSeconds, limits.waitingPerCaller) = (60, 2)
        var service = Subject(limits: limits)
        _ = service.submit("a", "b1", count: count, origin: .openai, ticket: 1)
        #expect(service.commitAll().answers == [.accepted(id, isReplay: false)])
        return service
    }

    @Test func anOrphanIsCancelledAfterItsGrace() {
        var service = waiting()
        service.now = 1000
        #expect(service.apply(.tick).isEmpty, "its client waits")
        _ = service.apply(.left(id, isAnswered: false))
        service.now = 1060
        #expect(service.apply(.tick).isEmpty)
        service.now = 1061
        let end = BatchEnd(status: .cancelled, startedAt: nil, endedAt: 1061)
        #expect(service.apply(.tick).compactMap(\.changes) == [[.end(id, end)]])
        // Too late: it is about to end.
        #expect(
            service.admit("a", origin: .openai, isRepeat: true, ticket: 2).answers == [.admitted])
    }

    @Test func aClockThatWasSetBackMakesNoneImmortalAndCancelsNoneEarly() {
        var service = waiting()
        service.now = 5000
        _ = service.apply(.left(id, isAnswered: false))
        service.now = 1000
        #expect(service.apply(.tick).isEmpty)
        service.now = 1060
        #expect(service.apply(.tick).isEmpty)
        service.now = 1061
        #expect(service.apply(.tick).count == 1)
    }

    /// The same caller, path and body, and a client that says that it asks again.
    @Test func aRepeatedRequestAdoptsItsOrphan() {
        var service = waiting()
        #expect(service.repeated() == [.admitted], "somebody waits for it")
        _ = service.apply(.left(id, isAnswered: false))
        #expect(service.repeated("b") == [.admitted])
        #expect(service.repeated(body: 2) == [.admitted])
        #expect(service.repeated(isRepeat: false) == [.admitted])
        #expect(service.repeated() == [.accepted(id, isReplay: true)])
        #expect(service.repeated() == [.admitted], "it has a client again")
        service.now = 10_000
        #expect(service.apply(.tick).isEmpty)
    }

    @Test func anOrphanThatIsDoneIsKeptAndAdopted() {
        var service = waiting()
        _ = service.apply(.left(id, isAnswered: false))
        service.now = 30
        _ = service.finish(0)
        #expect(service.commitAll().contains(.report(.batch(id))))
        #expect(service.kind(of: "b1", Visitor(CallerID("a"))) == "ended")
        #expect(
            service.admit("a", origin: .openai, isRepeat: true, ticket: 2).answers
                == [.accepted(id, isReplay: true)])
        _ = service.apply(.left(id, isAnswered: true))
        #expect(
            service.admit("a", origin: .openai, isRepeat: true, ticket: 3).answers == [.admitted])
    }

    @Test func afterARestartTheGraceBegins() throws {
        let before = waiting()
        let accepted = try #require(
            before.committed.compactMap { change in
                if case .accept(let batch) = change { batch } else { nil }
            }.first)
        var limits = LedgerLimits()
        limits.orphanGraceSeconds = 60
        var service = Subject(
            StoredLedger(
                nextImage: ImageNumber(1), live: [StoredLiveBatch(accepted: accepted)]),
            limits: limits)
        service.now = 5000
        #expect(service.apply(.tick).isEmpty)
        service.now = 5061
        #expect(service.apply(.tick).compactMap(\.changes).count == 1)
    }

    @Test func aCallerHasSoManyRequestsThatWait() {
        var service = waiting()
        _ = service.submit("a", "b2", body: 2, origin: .openai, ticket: 2)
        #expect(
            service.admit("a", body: 3, origin: .openai, ticket: 3).answers
                == [.refused(.tooManyWaiting(max: 2))])
        #expect(service.admit("a", body: 3, ticket: 4).answers == [.admitted])
        #expect(service.admit("b", body: 3, origin: .sdapi, ticket: 5).answers == [.admitted])
        _ = service.apply(.left(id, isAnswered: false))
        #expect(service.admit("a", body: 3, origin: .openai, ticket: 6).answers == [.admitted])
    }

    /// Also where they get a batch that there is, or were admitted together.
    @Test func nobodyGetsAroundTheLimitOfRequestsThatWait() {
        var limits = LedgerLimits()
        limits.waitingPerCaller = 1
        var service = Subject(limits: limits)
        let refused = [LedgerAnswer.refused(.tooManyWaiting(max: 1))]
        _ = service.submit("a", "b1", key: "k", origin: .sdapi, ticket: 1)
        _ = service.commitAll()
        #expect(service.admit("a", key: "k", origin: .sdapi, ticket: 2).answers == refused)
        _ = service.apply(.left(id, isAnswered: false))
        _ = service.submit("a", "b2", body: 2, origin: .sdapi, ticket: 3)
        _ = service.commitAll()
        #expect(service.admit("a", key: "k", origin: .sdapi, ticket: 4).answers == refused)
        #expect(service.admit("a", origin: .sdapi, isRepeat: true, ticket: 5).answers == refused)
        _ = service.apply(.left(BatchID("b2"), isAnswered: false))
        // Two are admitted before the first of them is planned.
        for ticket in [6, 7] {
            #expect(
                service.admit("a", body: 3, origin: .sdapi, ticket: ticket).answers == [.admitted])
        }
        _ = service.submitAdmitted("a", "b3", body: 3, origin: .sdapi, ticket: 6)
        #expect(
            service.submitAdmitted("a", "b4", body: 4, origin: .sdapi, ticket: 7).answers
                == refused)
    }
}

extension Subject {
    fileprivate mutating func repeated(
        _ caller: String = "a", body: UInt8 = 1, isRepeat: Bool = true
    ) -> [LedgerAnswer] {
        admit(caller, body: body, origin: .openai, isRepeat: isRepeat, ticket: 9).answers
    }
}
