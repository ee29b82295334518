// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// Batches that come and go while a cluster is at work.
@Suite struct BatchTests {
    typealias Subject = CoordinatorSubject

    /// A cluster that is kept for batches to come, with workers of one credit each.
    private static func cluster(
        workers: Int, _ configure: (inout CoordinatorConfiguration) -> Void = { _ in }
    ) -> Subject {
        var subject = Subject(workers: workers, images: 0, end: .never, configure)
        #expect(subject(.start).count == workers, "it connects though nothing is to be done")
        for id in connections(1...UInt64(workers)) { _ = subject.join(id) }
        return subject
    }

    @Test func workersStayBetweenBatches() throws {
        var subject = Self.cluster(workers: 1)
        for image in 0..<3 {
            let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
            #expect(lease.item == UInt32(image), "no number is used twice")
            #expect(Subject.types(try subject.result(1, lease)) == [.resultAck])
            #expect(subject(.consumed(image: ImageNumber(image))).isEmpty)
        }
        let actions = subject(.drain)
        #expect(Subject.types(actions) == [.goodbye] && actions.last == .end)
    }

    @Test func drainingFinishesWhatWasSubmittedAndTakesNoMore() throws {
        var subject = Self.cluster(workers: 1)
        let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
        #expect(subject(.drain).isEmpty && !subject.machine.takesBatches)
        let late = [CoordinatorEvent.cancelled(image: 1), .cancelled(image: 2)]
        #expect(subject.submit(2).actions == late.map { .report($0) }, "an answer for each image")
        _ = try subject.result(1, lease)
        #expect(subject(.consumed(image: 0)) == [.end])
        // The end and a batch may pass each other.
        #expect(subject.submit(1).actions == [.report(.cancelled(image: 3))])
    }

    /// Whatever another coordinator does, its workers come back some day.
    @Test func workersThatAreBusyElsewhereAreWaitedFor() throws {
        var subject = Subject(workers: 1, images: 0, end: .never)
        #expect(subject(.start) == [.connect(1, WorkerAddress(host: "w0"))])
        _ = subject.submit(1)
        let busy = Message.refuse(WireReason(.busy, "busy", retryAfterMilliseconds: 60_000))
        func beBusy(_ id: ConnectionID) -> [CoordinatorEvent] {
            _ = subject(.connected(id))
            return Subject.reports(subject.hear(id, busy))
        }
        #expect(beBusy(1) == [.workerBusy(worker: "w0:7400", reason: "busy")])
        for id in connections(2...60) {
            subject.now += .seconds(60)
            #expect(subject(.tick) == [.connect(id, WorkerAddress(host: "w0"))])
            #expect(beBusy(id).isEmpty)
        }
        // Once no batch follows, it has the time that a run gives it.
        #expect(subject.now > ClusterTimeouts().busyMax * 5 && subject(.drain).isEmpty)
        subject.now += .seconds(60)
        #expect(subject(.tick) == [.connect(61, WorkerAddress(host: "w0"))])
        #expect(beBusy(61).isEmpty)
        subject.now += ClusterTimeouts().busyMax
        #expect(subject(.tick) == [.connect(62, WorkerAddress(host: "w0"))])
        #expect(beBusy(62).contains(.workerRefused(worker: "w0:7400", reason: "busy")))
    }

    /// It held another model, until somebody starts it with this one.
    @Test func workersThatWereRefusedAreTriedAgain() throws {
        var subject = Subject(workers: 1, images: 0, end: .never)
        _ = subject(.start)
        #expect(subject.submit(1).actions.isEmpty)
        var other = TestCluster.model
        other.unet[0] ^= 1
        let timeouts = ClusterTimeouts()
        var reports = 0
        for (round, id) in connections(1...8).enumerated() {
            let actions = subject.join(id, instance: UInt8(round + 1), model: other)
            #expect(Subject.types(actions) == [.refuse], "\(actions)")
            reports += Subject.reports(actions).count
            let pause = min(timeouts.reconnect * (1 << round), timeouts.reconnectMax)
            #expect(subject.machine.nextDeadline == subject.now + pause)
            subject.now += pause
            #expect(subject(.tick).count == 1, "it connects again")
        }
        #expect(reports == 1)
        #expect(Subject.leases(subject.join(9)).count == 1, "the image waited for it")
    }

    /// A worker that samples one image after the other is never missed.
    @Test func workersThatAreBusyForHoursStay() throws {
        var subject = Self.cluster(workers: 1)
        for image in 0..<100 {
            let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
            for step in 0...3 {
                subject.now += .seconds(20)
                #expect(Subject.reports(subject(.tick)).isEmpty)
                #expect(Subject.reports(subject.progress(1, lease, step)).count == 1)
            }
            #expect(Subject.types(try subject.result(1, lease)) == [.resultAck])
            _ = subject(.consumed(image: ImageNumber(image)))
        }
        #expect(subject.now > ClusterTimeouts().busyMax * 10)
        #expect(subject.machine.lostWorkers.isEmpty)
    }

    @Test func idleWorkersThatAreLostAreTriedAgain() {
        var subject = Self.cluster(workers: 1)
        #expect(
            Subject.reports(subject(.disconnected(1, reason: "reset"))) == [
                .workerLost(worker: "w0:7400", reason: "reset", willRetry: true)
            ])
        for id in connections(2...20) {
            subject.now += .seconds(300)
            #expect(subject(.tick) == [.connect(id, WorkerAddress(host: "w0"))])
            #expect(subject(.connectFailed(id, reason: "refused")).isEmpty)
        }
    }

    /// The last image of a run waits for its picture; then another batch comes.
    @Test func dismissedWorkersAreCalledBackForAnotherBatch() throws {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        #expect(Subject.types(try subject.result(1, lease)) == [.resultAck, .goodbye])
        _ = subject.submit(1)
        subject.now = .seconds(1)
        #expect(subject(.tick) == [.connect(2, WorkerAddress(host: "w0"))])
        #expect(Subject.leases(subject.join(2, instance: 1)).map(\.lease.item) == [1])
    }

    // MARK: Cancelled batches

    @Test func cancelledImagesAreNeitherGeneratedNorDelivered() throws {
        var subject = Self.cluster(workers: 2)
        let (first, actions) = subject.submit(3)
        let leases = Subject.leases(actions)
        #expect(leases.map(\.lease.item) == [0, 1])
        #expect(subject.submit(2).actions.isEmpty, "both workers are busy")
        let cancelled = subject(.cancelBatch(first))
        #expect(Subject.sent(cancelled) == leases.map { .cancel($0.lease) })
        #expect(Subject.reports(cancelled) == (0..<3).map { .cancelled(image: ImageNumber($0)) })
        // One stops, the other one is done already.
        let stopped = subject.hear(1, .nak(leases[0].lease, WireReason(.cancelled, "cancelled")))
        #expect(Subject.leases(stopped).map(\.lease.item) == [3])
        let late = try subject.result(2, leases[1].lease)
        #expect(Subject.types(late) == [.resultAck, .assign])
        #expect(Subject.leases(late).map(\.lease.item) == [4])
        #expect(subject(.cancelBatch(first)).isEmpty, "once is enough")
    }

    @Test func imagesThatAreBeingStoredAreCancelledToo() throws {
        var subject = Self.cluster(workers: 1)
        let (batch, actions) = subject.submit(1)
        let lease = try #require(Subject.leases(actions).first?.lease)
        let latents = try HashChainGenerator.latents(for: subject.requests[0])
        let result = LatentResult(
            lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256))
        _ = subject.machine.handle(.received(1, .result(result)), now: .zero)
        #expect(subject(.cancelBatch(batch)) == [.report(.cancelled(image: 0))])
        #expect(subject(.stored(image: 0)) == [.send(1, .resultAck(lease))])
        #expect(subject.machine.backlogCount == 0 && subject.machine.openImageCount == 0)
    }

    /// What was announced is delivered; but no other attempt is made.
    @Test func storedImagesAreDeliveredUnlessTheyCannotBeDecoded() throws {
        var subject = Self.cluster(workers: 1) { $0.decodeBacklogMax = 9 }
        let (batch, actions) = subject.submit(2)
        let first = try #require(Subject.leases(actions).first?.lease)
        let second = try #require(Subject.leases(try subject.result(1, first)).first?.lease)
        _ = try subject.result(1, second)
        #expect(subject(.cancelBatch(batch)).isEmpty)
        #expect(subject(.consumed(image: 0)).isEmpty)
        let failed = subject(
            .decodeFailed(image: 1, reason: "not finite", isDecoderSound: true))
        #expect(failed == [.forget(image: 1), .report(.cancelled(image: 1))])
    }

    @Test func cancellingEverythingReportsEachImage() throws {
        var subject = Self.cluster(workers: 1)
        let lease = try #require(Subject.leases(subject.submit(3).actions).first?.lease)
        _ = try subject.result(1, lease)
        #expect(
            Subject.reports(subject(.cancel)) == [.cancelled(image: 1), .cancelled(image: 2)],
            "the first is announced already")
        #expect(subject.machine.hasEnded)
        // A drained coordinator owes the same; a run leaves its images to a later session.
        var drained = Self.cluster(workers: 1)
        _ = drained.submit(1)
        _ = drained(.drain)
        #expect(Subject.reports(drained(.cancel)) == [.cancelled(image: 0)])
        var run = Subject(workers: 1, images: 2)
        _ = run(.start)
        #expect(Subject.reports(run(.cancel)).isEmpty)
    }

    @Test func aFullDiskCancelsEachImage() throws {
        var subject = Self.cluster(workers: 1)
        let lease = try #require(Subject.leases(subject.submit(2).actions).first?.lease)
        let latents = try HashChainGenerator.latents(for: subject.requests[0])
        let result = LatentResult(
            lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256))
        _ = subject.machine.handle(.received(1, .result(result)), now: .zero)
        let failed = subject(.storeFailed(image: 0, reason: "no space left"))
        #expect(Subject.reports(failed) == [.cancelled(image: 0), .cancelled(image: 1)])
    }

    // MARK: Memory

    /// Memory follows what is in flight, not what was ever generated.
    @Test func settledImagesAreForgotten() throws {
        let (rememberedCount, batchCount, batchSize) = (100, 1000, 100)
        var subject = Self.cluster(workers: 2) { $0.rememberedImageCount = rememberedCount }
        var (machine, numbering) = (subject.machine, BatchNumbering())
        let request = TestCluster.requests(1)[0]
        let latents = try HashChainGenerator.latents(for: request)
        var (requestCountMax, deliveredCount) = (0, 0)
        var last: Lease?
        for _ in 0..<batchCount {
            let requests = [GenerationRequest](repeating: request, count: batchSize)
            var queue = machine.handle(.submit(numbering.makeBatch(requests)), now: .zero)[...]
            while let action = queue.popFirst() {
                switch action {
                case .send(let id, .assign(let lease, _)):
                    #expect(lease.item > last?.item ?? 0 || last == nil)
                    last = lease
                    let result = LatentResult(
                        lease: lease,
                        sampled: SampledImage(latents: latents, sha256: latents.sha256))
                    queue += machine.handle(.received(id, .result(result)), now: .zero)
                case .store(let image, _, _, _):
                    queue += machine.handle(.stored(image: image), now: .zero)
                case .decode(let stored):
                    deliveredCount += 1
                    queue += machine.handle(.consumed(image: stored.image), now: .zero)
                default: break
                }
                requestCountMax = max(requestCountMax, machine.keptCounts.requests)
            }
        }
        #expect(deliveredCount == batchCount * batchSize)
        #expect(requestCountMax <= batchSize, "settled images have no requests")
        #expect(machine.keptCounts == (requests: 0, results: rememberedCount))
        #expect(machine.openImageCount == 0)
        #expect(machine.leaseAndConnectionCounts == (0, 2))
        #expect(machine.brokenInvariant() == nil)
        subject.machine = machine
    }

    @Test func lateResultsOfForgottenImagesAreAcknowledged() throws {
        var subject = Self.cluster(workers: 1) { $0.rememberedImageCount = 0 }
        let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
        _ = try subject.result(1, lease)
        _ = subject(.consumed(image: 0))
        #expect(subject.machine.keptCounts == (requests: 0, results: 0))
        // Even if it differs: nothing is left to compare it with.
        #expect(try subject.result(1, lease, salt: 7) == [.send(1, .resultAck(lease))])
        let forged = Lease(item: 0, attempt: 2, token: 99)
        #expect(Subject.types(try subject.result(1, forged)) == [.goodbye])
    }

    /// A digest is enough to see that one of two machines is faulty.
    @Test func lateResultsOfRememberedImagesAreCompared() throws {
        var subject = Self.cluster(workers: 2)
        let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
        _ = try subject.result(1, lease)
        _ = subject(.consumed(image: 0))
        #expect(subject.machine.keptCounts == (requests: 0, results: 1))
        #expect(try subject.result(1, lease) == [.send(1, .resultAck(lease))])
        let differing = try subject.result(1, lease, salt: 7)
        #expect(Subject.types(differing) == [.resultAck])
        let reports = Subject.reports(differing)
        #expect(
            reports.first
                == .resultsDiffer(image: 0, worker: "w0:7400", firstWorker: "w0:7400"))
        guard case .workerQuarantined("w0:7400", _, _) = reports.last else {
            Issue.record("\(reports)")
            return
        }
        // Any image is its probe.
        let probe = Subject.leases(subject.submit(2).actions)
        #expect(probe.map(\.id) == [2])
        subject.now += .seconds(10)
        let granted = Subject.leases(subject(.tick))
        #expect(granted.map(\.id) == [1] && granted.map(\.lease.item) == [2])
        #expect(
            Subject.reports(try subject.result(1, granted[0].lease)).contains(
                .workerReturned(worker: "w0:7400")))
    }

    /// What a worker still samples may turn out to differ, and is sampled again for comparison.
    @Test func imagesThatAWorkerHoldsKeepTheirRequests() throws {
        var subject = Self.cluster(workers: 2)
        let lease = try #require(Subject.leases(subject.submit(1).actions).first?.lease)
        _ = subject.progress(1, lease, 1)
        subject.now += .seconds(10)
        let copy = try #require(Subject.leases(subject(.tick)).first)
        #expect(copy.id == 2)
        _ = try subject.result(1, lease)
        _ = subject(.consumed(image: 0))
        #expect(subject.machine.keptCounts == (requests: 1, results: 0))
        _ = subject.hear(2, .nak(copy.lease, WireReason(.cancelled, "cancelled")))
        #expect(subject.machine.keptCounts == (requests: 0, results: 1))
    }

    @Test func numbersOnTheWireWrapAfterFourBillionImages() {
        let last = Int(UInt32.max) - 1
        for (number, item) in [(0, 0), (last, UInt32(last)), (last + 1, 0), (3 * last + 5, 2)] {
            let image = ImageNumber(number)
            #expect(image.onWire == item)
            #expect(ImageNumber(onWire: item, before: ImageNumber(number + 1)) == image)
            #expect(ImageNumber(onWire: item, before: ImageNumber(number + last)) == image)
        }
        #expect(ImageNumber(onWire: 7, before: 5) == 7, "of no image yet")
    }
}
