// SPDX-License-Identifier: Apache-2.0

import Coordinator
import FakeGenerator
import GenerationTypes
import LyingWorkers
import TestSupport
import Testing
import WireProtocol

/// Workers that say what no sound one says.
@Suite struct HostileWorkerTests {
    typealias Subject = CoordinatorSubject

    private static func result(_ lease: Lease, _ latents: GeneratedLatents) -> Message {
        .result(
            LatentResult(
                lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256)))
    }

    private static func isTaken(_ actions: [Subject.Action]) -> Bool {
        actions.contains { action in
            switch action {
            case .store, .decode, .send(_, .resultAck): true
            default: false
            }
        }
    }

    /// Another attempt elsewhere, the worker named and let go, nothing stored or acknowledged.
    private func expectRefusal(
        of latents: GeneratedLatents, because reason: String
    ) throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.join(2)
        _ = subject.progress(1, lease)
        let actions = subject.hear(1, Self.result(lease, latents))
        #expect(!Self.isTaken(actions))
        #expect(Subject.types(actions) == [.goodbye])
        let failure = FailedAttempt(worker: "w0:7400", attempt: 1, reason: reason)
        #expect(Subject.reports(actions).contains(.retried(image: 0, failure: failure)))
        #expect(
            Subject.reports(actions).contains(
                .workerLost(
                    worker: "w0:7400", reason: "image 0, attempt 1: \(reason)", willRetry: true)))
        subject.now = .milliseconds(500)
        _ = subject(.tick)
        // It comes back, and its image waits for the other one all the same.
        #expect(Subject.leases(subject.join(3, instance: 1)).isEmpty)
    }

    @Test(arguments: [(1, 8, 8), (4, 4, 4), (4, 64, 64), (4, 16, 16), (4, 8, 4), (3, 8, 8)])
    func latentsOfAnotherShapeAreRefused(_ channels: Int, _ height: Int, _ width: Int) throws {
        try expectRefusal(
            of: GeneratedLatents(
                channels: channels, height: height, width: width,
                values: [Float](repeating: 0.1, count: channels * height * width)),
            because: """
                its latents are \(channels)×\(height)×\(width) where a picture of 64×64 has 4×8×8
                """)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func latentsThatAreNotFiniteAreRefused(_ value: Float) throws {
        var latents = try HashChainGenerator.latents(for: TestCluster.requests(1)[0])
        latents.values[255] = value
        try expectRefusal(
            of: latents, because: "1 of the 256 values of its latents are not finite")
    }

    // MARK: Leases

    /// Known neither by number nor by hearsay: only to the process that got it.
    @Test func leasesAreTheirHoldersAlone() throws {
        for kind in 0..<4 {
            var subject = Subject(workers: 2, images: 4)
            _ = subject(.start)
            let own = try #require(Subject.leases(subject.join(1)).first?.lease)
            let others = try #require(Subject.leases(subject.join(2)).first?.lease)
            let lie = [
                Lease(item: 3, attempt: 1, token: 1), others,
                Lease(item: 3, attempt: own.attempt, token: own.token),
                Lease(item: own.item, attempt: 2, token: own.token),
            ][kind]
            let actions = try subject.result(1, lie)
            #expect(!Self.isTaken(actions), "\(lie)")
            #expect(Subject.types(actions) == [.goodbye])
            #expect(
                Subject.reports(actions).contains {
                    guard case .workerLost("w0:7400", let reason, true) = $0 else { return false }
                    return reason == "it sent result for \(lie), a lease that it was not given"
                })
        }
    }

    @Test func leasesOfEarlierSessionsAreKnownAgain() throws {
        let (process, other) = ([UInt8](repeating: 1, count: 16), [UInt8](repeating: 2, count: 16))
        var earlier = TestCluster.mint(session: 1)
        let theirs = earlier.makeLease(item: 1, attempt: 1, for: other)
        let its = earlier.makeLease(item: 1, attempt: 1, for: process)
        let guess = Lease(item: 1, attempt: 1, token: 7)
        for (lease, isRight) in [(its, true), (theirs, false), (guess, false)] {
            var subject = Subject(
                workers: 1, images: 2, resumed: ResumedRun(completed: [0: [1]], session: 2))
            _ = subject(.start)
            _ = subject.join(1)
            #expect(Self.isTaken(try subject.result(1, lease)) == isRight)
        }
    }

    @Test func noTwoLeasesAreAlike() {
        let process = [UInt8](repeating: 1, count: 16)
        var tokens: Set<UInt64> = []
        var guesses = 0
        for session in [1, 2, 1 << 20 - 1] {
            var mint = TestCluster.mint(session: session)
            for index in 0..<20_000 {
                let lease = mint.makeLease(item: UInt32(index % 7), attempt: 1, for: process)
                tokens.insert(lease.token)
                #expect(mint.isGenuine(lease, of: process))
                let forged = Lease(item: lease.item, attempt: 1, token: lease.token ^ 1 << 24)
                if mint.isGenuine(forged, of: process) { guesses += 1 }
            }
        }
        #expect(tokens.count == 60_000 && guesses == 0)
        let (mine, foreign) = (TestCluster.mint(), LeaseMint(key: LeaseMint.makeKey(), session: 1))
        var other = foreign
        #expect(!mine.isGenuine(other.makeLease(item: 0, attempt: 1, for: process), of: process))
    }

    /// Two lies at the same step of an image, from processes that are other ones afterwards.
    @Test func liesAreNoEvidenceAgainstAnImage() throws {
        var subject = Subject(workers: 3, images: 1)
        _ = subject(.start)
        var actions = subject.join(1) + subject.join(2) + subject.join(3)
        for id in connections(1...2) {
            let (holder, lease) = try #require(Subject.leases(actions).first)
            #expect(holder == id)
            _ = subject.progress(id, lease)
            _ = try subject.result(id, Lease(item: 0, attempt: 1, token: 1))
            subject.now += .seconds(2)
            actions = subject(.tick)
        }
        #expect(Subject.leases(actions).first?.id == 3)
        _ = subject.join(4, instance: 101)
        _ = subject.join(5, instance: 102)
        #expect(subject.failures.isEmpty)
    }

    @Test func aWorkerThatLiesRepeatedlyIsExcluded() throws {
        var subject = Subject(workers: 2, images: 9)
        _ = subject(.start)
        _ = subject.join(2)
        var reports: [CoordinatorEvent] = []
        var id: ConnectionID? = 1
        while let connection = id, subject.now < .seconds(600) {
            let joined = subject.join(connection, instance: 1)
            let lie = Lease(item: 0, attempt: 1, token: 5)
            reports += Subject.reports(joined + (try subject.result(connection, lie)))
            id = nil
            for _ in 0..<60 where id == nil {
                subject.now += .seconds(1)
                _ = subject.hear(2, .pong(1))
                for case .connect(let next, _) in subject(.tick) { id = next }
            }
        }
        guard case .workerRefused("w0:7400", let reason) = reports.last else {
            Issue.record("\(reports)")
            return
        }
        #expect(reason.hasPrefix("it failed 3 probes: it sent result for image 0"))
        #expect(subject.failures.isEmpty)
    }

    /// It would get the same image again at once, for ever.
    @Test func returningAnImageThatWasNotRecalledIsAFailedAttempt() throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        var actions = subject.join(1)
        for _ in 0..<3 {
            let lease = try #require(Subject.leases(actions).first?.lease)
            actions = subject.hear(1, .nak(lease, WireReason(.cancelled, "cancelled")))
        }
        #expect(
            Subject.reports(actions).contains(
                .workerQuarantined(worker: "w0:7400", reason: "cancelled", seconds: 5)))
    }

    // MARK: Silence

    @Test func anImageThatIsNotStartedIsSampledElsewhereToo() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let silent = try #require(Subject.leases(subject.join(1)).first?.lease)
        let quick = try #require(Subject.leases(subject.join(2)).first?.lease)
        for step in 0...4 { _ = subject.progress(2, quick, step) }
        #expect(Subject.leases(try subject.result(2, quick)).isEmpty)
        var copies: [(id: ConnectionID, lease: Lease)] = []
        var reports: [CoordinatorEvent] = []
        for _ in 0..<10 where copies.isEmpty {
            subject.now += .seconds(1)
            let actions =
                subject.hear(1, .pong(1)) + subject.hear(2, .pong(1)) + subject(.tick)
            copies = Subject.leases(actions)
            reports += Subject.reports(actions)
        }
        #expect(copies.map(\.id) == [2] && copies.first?.lease.item == silent.item)
        #expect(subject.now >= .seconds(5) && subject.now < .seconds(8))
        #expect(
            reports.contains {
                if case .imageOverdue(ImageNumber(Int(silent.item)), "w0:7400", 5...8) = $0 {
                    true
                } else {
                    false
                }
            })
        // Nothing more is charged to it.
        let end = try subject.result(2, copies[0].lease)
        #expect(Subject.sent(end).contains(.cancel(silent)))
        #expect(subject.failures.isEmpty)
    }

    /// Two that are silent do not keep an image from a third.
    @Test func theCopyOfASilentWorkerIsNoCopy() throws {
        var subject = Subject(workers: 3, images: 3)
        _ = subject(.start)
        let silent = try #require(Subject.leases(subject.join(1)).first?.lease)
        var leases: [(worker: ConnectionID, lease: Lease)] = []
        for worker in [2, 3] as [ConnectionID] {
            let joined = subject.join(worker)
            leases.append((worker, try #require(Subject.leases(joined).first?.lease)))
        }
        for (worker, lease) in leases {
            for step in 0...4 { _ = subject.progress(worker, lease, step) }
            _ = try subject.result(worker, lease)
        }
        var copies: [(id: ConnectionID, time: Duration)] = []
        for second in 1...60 {
            subject.now = .seconds(second)
            var actions = subject(.tick)
            for worker in [1, 2, 3] as [ConnectionID] { actions += subject.hear(worker, .pong(1)) }
            let taken = Subject.leases(actions)
            #expect(taken.allSatisfy { $0.lease.item == silent.item })
            copies += taken.map { ($0.id, subject.now) }
        }
        // Each as soon as the one before should have begun, and no more of them.
        #expect(Set(copies.map(\.id)) == [2, 3] && copies.count == 2)
        #expect(copies.last?.time ?? .zero < .seconds(16))
    }

    /// What waits behind another image is asked back; without an answer it goes elsewhere anyway.
    @Test func aRecalledImageThatIsNotReturnedIsSampledElsewhere() throws {
        var subject = Subject(workers: 2, images: 3)
        _ = subject(.start)
        let silent = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        let quick = try #require(Subject.leases(subject.join(2)).first?.lease)
        _ = subject.progress(1, silent[0])
        for step in 0...4 { _ = subject.progress(2, quick, step) }
        #expect(Subject.sent(try subject.result(2, quick)).contains(.cancel(silent[1])))
        #expect(subject.machine.nextDeadline ?? .zero <= .seconds(5))
        subject.now = .seconds(5)
        let actions = subject(.tick)
        #expect(
            Subject.reports(actions).contains(
                .imageOverdue(
                    image: ImageNumber(Int(silent[1].item)), worker: "w0:7400", seconds: 5)))
        #expect(Subject.leases(actions).map(\.id) == [2])
        // The answer comes after all.
        _ = subject.hear(1, .nak(silent[1], WireReason(.cancelled, "cancelled")))
        #expect(subject.failures.isEmpty)
    }

    @Test func busyWorkersAreNotAskedAgainAtOnce() {
        var subject = Subject(workers: 1, images: 1)
        _ = subject(.start)
        _ = subject(.connected(1))
        _ = subject.hear(1, .refuse(WireReason(.busy, "busy", retryAfterMilliseconds: 0)))
        #expect(subject.machine.nextDeadline == .seconds(1))
    }

    // MARK: The whole

    /// A fiftieth of the million that `scripts/fuzz liar` sends.
    @Test(.timeLimit(.minutes(5))) func aLiarLosesNothing() async throws {
        let report = try await LyingTrial(lieCount: 20_000).run { 0 }
        #expect(report.rightCount == 200 && report.problems.isEmpty, "\(report.problems)")
        #expect(report.lieCount >= 20_000 && report.residentByteCounts.count >= 10)
        #expect(report.namedCount > 50, "\(report.reasons)")
        let reasons = [
            "a lease that it was not given", "its latents are ××", "not finite", "differs",
        ]
        for part in reasons {
            #expect(report.reasons.contains { $0.key.contains(part) }, "\(part): \(report.reasons)")
        }
    }
}
