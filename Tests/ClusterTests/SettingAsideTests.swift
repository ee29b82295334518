// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import TestSupport
import Testing
import WireProtocol

/// Workers that an operator drains.
@Suite struct SettingAsideTests {
    typealias Subject = CoordinatorSubject

    private let drained = CoordinatorEvent.workerDrained(worker: "w0:7400")
    private let draining = CoordinatorEvent.workerDraining(worker: "w0:7400")

    @Test func aDrainedWorkerFinishesItsImageAndGetsNoOther() throws {
        var subject = Subject(workers: 1, images: 3)
        _ = subject(.start)
        let leases = Subject.leases(subject.join(1, credits: 2)).map(\.lease)
        #expect(leases.count == 2)
        _ = subject.progress(1, leases[0])
        let actions = subject(.setAside(worker: "w0:7400"))
        // What it has not begun goes to others.
        #expect(Subject.sent(actions) == [.cancel(leases[1])])
        #expect(Subject.reports(actions) == [draining])
        #expect(subject(.setAside(worker: "w0:7400")).isEmpty, "once is enough")
        let returned = subject.hear(1, .nak(leases[1], WireReason(.cancelled, "cancelled")))
        #expect(Subject.leases(returned).isEmpty)
        let done = try subject.result(1, leases[0])
        #expect(Subject.leases(done).isEmpty)
        #expect(Subject.reports(done).last == drained)
        subject.now = .seconds(5)
        #expect(Subject.leases(subject(.tick)).isEmpty)
        #expect(subject.machine.openImageCount == 2 && subject.failures.isEmpty)
        let resumed = subject(.resume(worker: "w0:7400"))
        #expect(Subject.reports(resumed).first == .workerResumed(worker: "w0:7400"))
        #expect(Subject.leases(resumed).count == 2)
        #expect(subject(.resume(worker: "w0:7400")).isEmpty)
    }

    @Test func othersTakeWhatADrainedWorkerDoesNot() throws {
        var subject = Subject(workers: 2, images: 4)
        _ = subject(.start)
        #expect(Subject.reports(subject(.setAside(worker: "w0:7400"))).isEmpty, "it is not there")
        let joined = subject.join(1, credits: 2)
        #expect(Subject.leases(joined).isEmpty)
        #expect(Subject.reports(joined).last == drained)
        #expect(Subject.leases(subject.join(2, credits: 2)).map(\.id) == [2, 2])
        #expect(subject(.setAside(worker: "w9:7400")).isEmpty, "there is no such worker")
    }

    /// It is the address that is drained, whatever becomes of the connection.
    @Test func aDrainedWorkerComesBackDrained() throws {
        var subject = Subject(workers: 1, images: 3, end: .never)
        _ = subject(.start)
        let old = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, old, 1)
        _ = subject(.setAside(worker: "w0:7400"))
        _ = subject(.disconnected(1, reason: "cut"))
        subject.now = .milliseconds(500)
        _ = subject(.tick)
        let joined = subject.join(2, instance: 1)
        #expect(Subject.leases(joined).isEmpty)
        #expect(Subject.reports(joined).last == drained)
        // What it sampled all the while it may finish.
        let takenUp = subject.progress(2, old, 2)
        let lease = try #require(Subject.leases(takenUp).first?.lease)
        #expect(lease.item == old.item && Subject.reports(takenUp).contains(draining))
        let done = try subject.result(2, lease)
        #expect(Subject.leases(done).isEmpty && Subject.reports(done).last == drained)
        // Another process at its address is drained, too.
        _ = subject(.disconnected(2, reason: "rebooted"))
        subject.now = .seconds(5)
        _ = subject(.tick)
        let next = subject.join(3, instance: 9)
        #expect(Subject.leases(next).isEmpty && Subject.reports(next).last == drained)
        #expect(Subject.leases(subject(.resume(worker: "w0:7400"))).count == 1)
    }

    /// Nothing fails because its workers are drained.
    @Test func imagesWaitWhileAllWorkersAreDrained() throws {
        var subject = Subject(workers: 2, images: 2)
        _ = subject(.start)
        for name in ["w0:7400", "w1:7400"] { _ = subject(.setAside(worker: name)) }
        _ = subject.join(1)
        _ = subject.join(2)
        for step in 1...200 {
            subject.now = .seconds(5 * step)
            for id in [1, 2] as [ConnectionID] { _ = subject.hear(id, .ping(UInt64(step))) }
            #expect(Subject.leases(subject(.tick)).isEmpty)
        }
        #expect(subject.machine.openImageCount == 2)
        #expect(Subject.leases(subject(.resume(worker: "w1:7400"))).map(\.id) == [2])
    }

    /// A result that is on its way to the disk is not done.
    @Test func aWorkerIsDrainedWhenItsResultIsStored() throws {
        var subject = Subject(workers: 1, images: 2)
        _ = subject(.start)
        let lease = try #require(Subject.leases(subject.join(1)).first?.lease)
        _ = subject.progress(1, lease)
        _ = subject(.setAside(worker: "w0:7400"))
        let result = try subject.resultMessage(lease)
        let arrived = subject.machine.handle(.received(1, result), now: subject.now)
        #expect(!Subject.reports(arrived).contains(drained))
        #expect(Subject.reports(subject(.stored(image: 0))).contains(drained))
    }
}
