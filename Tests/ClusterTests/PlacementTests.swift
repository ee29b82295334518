// SPDX-License-Identifier: Apache-2.0

import ClusterSimulation
import Coordinator
import Testing
import WireProtocol

/// Workers of different speed.
@Suite struct PlacementTests {
    typealias Subject = CoordinatorSubject

    /// Seconds that a batch takes on machines with these step times, and images sampled by each.
    private func batch(
        _ count: Int, steps: Int = 10, stepSeconds: [Double]
    ) -> (seconds: Double, images: [Int]) {
        var cluster = SimulatedCluster(
            .batch(imageCount: count, stepCount: steps, stepSeconds: stepSeconds))
        cluster.run()
        #expect(cluster.problem == nil)
        return (cluster.seconds, cluster.imageCounts)
    }

    /// A worker ten times slower: of two images or more, none has to wait for it.
    @Test(arguments: [2, 3, 5, 8, 13, 20, 21, 22, 40, 64, 100])
    func aSlowWorkerDelaysNoBatch(_ count: Int) {
        let fast = batch(count, stepSeconds: [1, 1])
        let mixed = batch(count, stepSeconds: [1, 1, 10])
        // An image of its own takes 100 s; what is lost at most is what the others, who begin
        // again, need for one copy.
        #expect(mixed.seconds <= fast.seconds + 5, "\(mixed) instead of \(fast)")
        if count >= 21 { #expect(mixed.seconds <= fast.seconds + 0.5, "\(mixed), not \(fast)") }
        if count >= 64 { #expect(mixed.seconds < fast.seconds, "\(mixed), not \(fast)") }
    }

    /// Nobody knows yet who is slow; it costs one image of the slow one, no more.
    @Test func aSingleImageMayMeetTheSlowWorker() {
        #expect(batch(1, stepSeconds: [1, 1, 10]).seconds < 101)
    }

    @Test func workIsSharedInProportionToSpeed() {
        let (seconds, images) = batch(120, stepSeconds: [0.5, 1, 2, 4])
        // 2 : 1 : ½ : ¼ of 120 images.
        #expect(images.reduce(0, +) == 120)
        for (count, ideal) in zip(images, [64, 32, 16, 8]) {
            #expect(abs(count - ideal) <= 2, "\(images)")
        }
        let ideal = 120.0 * 10 / (2 + 1 + 0.5 + 0.25)
        #expect(seconds < ideal * 1.05, "\(seconds) s instead of \(ideal) s")
    }

    @Test func theLastImageGoesToTheWorkerThatFinishesFirst() throws {
        var subject = Subject(workers: 2, images: 3)
        _ = subject(.start)
        let slow = try #require(Subject.leases(subject.join(1)).first?.lease)
        let fast = try #require(Subject.leases(subject.join(2)).first?.lease)
        for step in 0...4 {
            _ = subject.hear(
                2, .progress(ProgressReport(lease: fast, step: step, stepCount: 4, seconds: 1)))
        }
        for step in 0...4 {
            _ = subject.hear(
                1, .progress(ProgressReport(lease: slow, step: step, stepCount: 4, seconds: 100)))
        }
        // The slow one is free first; the fast one would still be done long before it.
        #expect(Subject.leases(try subject.result(1, slow)).isEmpty)
        #expect(Subject.leases(try subject.result(2, fast)).first?.id == 2)
    }

    @Test func theSlowestImageIsSampledTwiceAndTheFirstResultCounts() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        let slow = try #require(Subject.leases(subject.join(1)).first?.lease)
        let fast = try #require(Subject.leases(subject.join(2)).first?.lease)
        for (id, lease, seconds) in [(ConnectionID(1), slow, 100.0), (2, fast, 1)] {
            for step in 0...1 {
                let report = ProgressReport(
                    lease: lease, step: step, stepCount: 4, seconds: seconds)
                _ = subject.hear(id, .progress(report))
            }
        }
        let copy = try #require(Subject.leases(try subject.result(2, fast)).first)
        #expect(copy.id == 2 && copy.lease.item == slow.item && copy.lease.attempt == 2)
        let end = try subject.result(2, copy.lease)
        #expect(Subject.sent(end).contains(.cancel(slow)))
        #expect(end.contains { if case .decode = $0 { true } else { false } })
    }
}
