// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Testing

/// How many strangers may stand at the door.
@Suite struct AdmissionLedgerTests {
    private typealias Verdict = AdmissionLedger.Verdict

    /// A ledger that may be asked in the middle of an expectation.
    private final class Door {
        private var ledger = AdmissionLedger()
        private var next: UInt64 = 0
        var count: Int { ledger.count }

        /// Lets the next connection in; they are numbered from 1.
        @discardableResult
        func enter(_ source: String, now: Duration = .zero) -> Verdict {
            next += 1
            return ledger.enter(next, of: source, now: now)
        }
        func leave(_ id: UInt64) { ledger.leave(id) }
        func fail(_ id: UInt64, now: Duration) { ledger.fail(id, now: now) }
    }

    @Test func theOldestOfASourceMakesWay() {
        let door = Door()
        for _ in 0..<AdmissionLedger.sourceCountMax { #expect(door.enter("a") == .enters) }
        #expect(door.enter("b") == .enters)
        #expect(door.enter("a") == .replaces(1))
        #expect(door.enter("a") == .replaces(2))
        #expect(door.count == AdmissionLedger.sourceCountMax + 1)
        door.leave(4)
        #expect(door.enter("a") == .enters)
        #expect(door.enter("a") == .replaces(3))
        #expect(door.enter("a") == .replaces(5))
    }

    @Test func whereAllPlacesAreTakenTheLargestCrowdGivesOne() {
        let door = Door()
        for number in 0..<AdmissionLedger.countMax - 2 {
            #expect(door.enter("\(number)") == .enters)
        }
        for _ in 0..<2 { #expect(door.enter("crowd") == .enters) }
        #expect(door.enter("new") == .replaces(UInt64(AdmissionLedger.countMax) - 1))
        #expect(door.count == AdmissionLedger.countMax)
    }

    @Test func failuresKeepTheirPlacesForAWhile() {
        let door = Door()
        let pause = AdmissionLedger.failurePause
        for number in 0..<AdmissionLedger.sourceCountMax {
            let now = Duration.milliseconds(number)
            #expect(door.enter("a", now: now) == .enters)
            door.fail(UInt64(number) + 1, now: now)
        }
        #expect(door.enter("a", now: pause - .milliseconds(1)) == .turnedAway)
        #expect(door.enter("a", now: pause) == .enters, "one place is free again, not all")
        #expect(door.enter("a", now: pause) == .replaces(10))
        #expect(door.enter("a", now: pause + .seconds(1)) == .enters)
        #expect(door.count == 2)
        // What had to go does not fail too.
        door.fail(10, now: pause + .seconds(1))
        #expect(door.count == 2)
    }

    @Test func aCrowdIsReportedOnceASecond() {
        var report = CrowdReport()
        func reason(at milliseconds: Int) -> String? {
            report.reason(now: .milliseconds(milliseconds))
        }
        let first = reason(at: 0)
        #expect(first?.contains("too many connections wait") == true)
        #expect(first?.contains("more") == false)
        for time in 1..<1000 { #expect(reason(at: time) == nil) }
        #expect(reason(at: 1000)?.contains("; 999 more since") == true)
        #expect(reason(at: 5000)?.contains("more") == false)
    }

    @Test func loopbackIsDistinguishedFromOtherMachines() {
        for host in ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LocalHost"] {
            #expect(ClusterSecurity.isLoopback(host), "\(host)")
        }
        for host in [
            "0.0.0.0", "::", "10.0.0.1", "node01", "127.0.0.1.example.com", "127.1", "127.0.0.256",
            "localhost.example.com", "1.0.0.127", "",
        ] { #expect(!ClusterSecurity.isLoopback(host), "\(host)") }
    }
}
