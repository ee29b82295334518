// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger
import TestSupport
import Testing

/// The decisions of a ledger, one at a time.
@Suite struct LedgerTests {
    @Test func aBatchIsAnsweredAndOfferedOnlyWhenItIsOnTheDisk() throws {
        var service = Subject(workers: 2)
        let actions = service.submit("a", "b1", count: 3, ticket: 1)
        let commits = actions.compactMap(\.changes)
        #expect(commits.count == 1 && actions.count == 1, "\(actions)")
        let after = service.commitAll()
        #expect(after.first == .answer(Ticket(1), .accepted(BatchID("b1"), isReplay: false)))
        #expect(after.offers.map(\.number.rawValue) == [0, 1])
        #expect(after.offers.map(\.request.seed) == [100, 101])
    }

    @Test func aRepeatedKeyGetsTheSameBatchAndAnotherBodyNone() {
        var service = Subject()
        _ = service.submit("a", "b1", key: "k", ticket: 1)
        // Before it is on the disk the second waits with the first.
        #expect(service.submit("a", "b2", key: "k", ticket: 2).isEmpty)
        #expect(
            service.commitAll().answers == [
                .accepted(BatchID("b1"), isReplay: false), .accepted(BatchID("b1"), isReplay: true),
            ])
        #expect(
            service.submit("a", "b3", key: "k", body: 2, ticket: 3).answers
                == [.refused(.keyReused)])
        // Another caller's key is another key.
        _ = service.submit("b", "b4", key: "k", body: 2, ticket: 4)
        #expect(service.commitAll().answers == [.accepted(BatchID("b4"), isReplay: false)])
    }

    @Test func aSinglePictureWaitsForTheRestOfOneImage() {
        var service = Subject()
        _ = service.submit("a", "large", count: 10_000, ticket: 1)
        #expect(service.commitAll().offers.map(\.number.rawValue) == [0])
        _ = service.submit("b", "single", ticket: 2)
        // Whose turn it is, of another caller as of the same one.
        _ = service.submit("a", "own", ticket: 3)
        #expect(service.commitAll().offers.isEmpty)
        let next = service.finish(0).offers.map(\.number.rawValue)
        #expect(next == [10_000])
        #expect(service.finish(10_000).offers.map(\.number.rawValue) == [10_001])
        #expect(service.finish(10_001).offers.map(\.number.rawValue) == [1])
    }

    @Test func weightsAndPrioritiesAreShares() {
        var service = Subject()
        _ = service.submit("a", "x", count: 2000, weight: 1, ticket: 1)
        _ = service.submit("b", "y", count: 2000, weight: 3, ticket: 2)
        _ = service.submit("b", "z", count: 2000, priority: .interactive, weight: 3, ticket: 3)
        var offered = service.commitAll().offers
        var counts = [0, 0, 0]
        for _ in 0..<720 {
            let image = offered.removeFirst().number.rawValue
            counts[image / 2000] += 1
            offered += service.finish(image).offers
        }
        #expect(counts.reduce(0, +) == 720)
        #expect(abs(counts[0] - 180) <= 3 && abs(counts[1] - 60) <= 3, "\(counts)")
    }

    @Test func anIdleCallerSavesNothingUp() {
        var service = Subject()
        _ = service.submit("a", "x", count: 1000, ticket: 1)
        var offered = service.commitAll().offers
        for _ in 0..<500 { offered += service.finish(offered.removeFirst().number.rawValue).offers }
        _ = service.submit("b", "y", count: 1000, ticket: 2)
        _ = service.commitAll()
        var own = 0
        for _ in 0..<100 {
            let image = offered.removeFirst().number.rawValue
            if image >= 1000 { own += 1 }
            offered += service.finish(image).offers
        }
        #expect((49...51).contains(own))
    }

    @Test func cancellingStopsWhatIsDrawnAndIsIdempotent() {
        var service = Subject()
        _ = service.submit("a", "b1", count: 3, ticket: 1)
        _ = service.commitAll()
        let id = BatchID("b1")
        #expect(
            service.apply(.cancel(id, by: Visitor(CallerID("b")), ticket: Ticket(2))).answers
                == [.refused(.unknownBatch)])
        let own = Visitor(CallerID("a"))
        #expect(service.apply(.cancel(id, by: own, ticket: Ticket(3))).answers.isEmpty)
        #expect(service.apply(.cancel(id, by: own, ticket: Ticket(4))).answers.isEmpty)
        let done = service.commitAll()
        #expect(done.answers == [.done(id), .done(id)])
        #expect(
            done.contains { if case .withdraw(let batch) = $0 { batch.id == id } else { false } })
        #expect(service.apply(.cancel(id, by: own, ticket: Ticket(5))).answers == [.done(id)])
        // Its worker is free for others.
        _ = service.submit("b", "b2", ticket: 6)
        #expect(service.commitAll().offers.count == 1)
        #expect(service.finish(0).isEmpty)
    }

    @Test func imagesAreLentAheadOnlyWhereTheyAreQuick() {
        for (seconds, expected) in [(1.0, 2), (3.0, 1)] {
            var service = Subject()
            _ = service.submit("a", "b1", count: 9, ticket: 1)
            _ = service.commitAll()
            #expect(service.finish(0, seconds: seconds).offers.count == expected)
        }
    }

    @Test func nothingIsOfferedWithoutRoomForIt() {
        var service = Subject(workers: 2)
        _ = service.submit("a", "b1", count: 4, ticket: 1)
        #expect(service.commitAll().offers.map(\.number.rawValue) == [0, 1])
        #expect(service.apply(.room(false)).isEmpty)
        #expect(service.finish(0).offers.isEmpty)
        #expect(service.apply(.workers(3)).isEmpty)
        // What waits may be cancelled, and what is sampled is finished.
        _ = service.finish(1)
        #expect(service.commitAll().isEmpty)
        #expect(service.apply(.room(true)).offers.map(\.number.rawValue) == [2, 3])
        #expect(service.apply(.room(true)).isEmpty)
    }

    @Test func limitsAreRefusalsThatChangeNothing() {
        var limits = LedgerLimits()
        (limits.imagesPerBatch, limits.queuedPerCaller, limits.queuedInAll) = (5, 7, 9)
        (limits.submissionsPerSecond, limits.submissionBurst) = (1, 3)
        var service = Subject(limits: limits)
        #expect(
            service.submit("a", "b1", count: 6, ticket: 1).answers
                == [.refused(.batchTooLarge(count: 6, max: 5))])
        _ = service.submit("a", "b2", count: 5, ticket: 2)
        #expect(
            service.submit("a", "b3", count: 3, ticket: 3).answers
                == [.refused(.callerQueueFull(count: 5, max: 7))])
        _ = service.submit("b", "b4", count: 4, ticket: 4)
        #expect(
            service.submit("c", "b5", ticket: 5).answers == [.refused(.queueFull(count: 9, max: 9))]
        )
        _ = service.submit("a", "b6", ticket: 6)
        #expect(
            service.submit("a", "b7", ticket: 7).answers
                == [.refused(.tooFast(retryAfterSeconds: 1))])
        _ = service.apply(.drain)
        #expect(service.submit("a", "b8", ticket: 8).answers == [.refused(.draining)])
        #expect(service.commitAll().answers.count == 2)
    }

    @Test func whatWasFoundOnTheDiskGoesOnWhereItStopped() {
        var service = Subject()
        _ = service.submit("a", "b1", key: "k", count: 5, ticket: 1)
        let changes = service.commits.flatMap(\.changes)
        guard case .accept(let batch)? = changes.first else {
            Issue.record("nothing was accepted")
            return
        }
        let stored = StoredLedger(
            nextImage: ImageNumber(5),
            live: [StoredLiveBatch(accepted: batch, finished: [0, 3], failed: [1], sampled: [2])])
        var next = Subject(stored, workers: 3)
        #expect(next.start.offers.map(\.number.rawValue) == [4])
        #expect(
            next.submit("a", "b9", key: "k", count: 5, ticket: 2).answers
                == [.accepted(BatchID("b1"), isReplay: true)])
        _ = next.finish(4)
        _ = next.apply(.finished(ImageNumber(2), byteCount: 1))
        let ends = next.commits.flatMap(\.changes)
        let end = BatchEnd(status: .failed, startedAt: 0, endedAt: 0)
        #expect(ends == [.end(BatchID("b1"), end)])
    }

    @Test func retentionErasesReleasesAndForgets() {
        var limits = LedgerLimits()
        (limits.keySeconds, limits.keepSeconds, limits.tombstoneSeconds) = (10, 20, 30)
        limits.retentionInterval = 5
        var service = Subject(limits: limits)
        _ = service.submit("a", "b1", key: "k", ticket: 1)
        _ = service.commitAll()
        _ = service.finish(0)
        _ = service.commitAll()
        let visitor = Visitor(CallerID("a"))
        #expect(service.kind(of: "b1", visitor) == "ended")
        service.now = 11
        #expect(service.apply(.tick).compactMap(\.changes) == [[.releaseKey(BatchID("b1"))]])
        _ = service.commitAll()
        service.now = 21
        _ = service.apply(.tick)
        #expect(service.commitAll().contains(.removeFiles(BatchID("b1"))))
        #expect(service.kind(of: "b1", visitor) == "erased")
        service.now = 60
        _ = service.apply(.tick)
        _ = service.commitAll()
        #expect(service.kind(of: "b1", visitor) == "unknown")
        // The key stands for nothing any more.
        _ = service.submit("a", "b2", key: "k", body: 9, ticket: 2)
        #expect(service.commitAll().answers == [.accepted(BatchID("b2"), isReplay: false)])
    }

    @Test func spansHoldWhatWasAskedFor() {
        var requests = (0..<4).map { offset in
            GenerationRequest(prompt: "a", seed: UInt64(7 + offset), width: 64, height: 64)
        }
        requests.append(GenerationRequest(prompt: "b", seed: 11, width: 64, height: 64))
        requests.append(GenerationRequest(prompt: "b", seed: 11, width: 64, height: 64))
        let spans = ImageSpan.spans(of: requests)
        #expect(spans.map(\.count) == [4, 1, 1])
        let batch = AcceptedBatch(
            Submission(id: BatchID("x"), caller: CallerID("c"), spans: spans),
            firstImage: ImageNumber(50), acceptedAt: 0)
        #expect((0..<6).map { batch.request(at: $0) } == requests)
    }
}
