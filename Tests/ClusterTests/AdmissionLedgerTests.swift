// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Testing

/// How many strangers may stand at the door.
@Suite struct AdmissionLedgerTests {
    /// A ledger that may be asked in the middle of an expectation.
    private final class Door {
        private var ledger = AdmissionLedger()
        var count: Int { ledger.count }

        func enter(_ source: String, now: Duration) -> Bool { ledger.enter(source, now: now) }
        func leave(_ source: String) { ledger.leave(source) }
        func fail(_ source: String, now: Duration) { ledger.fail(source, now: now) }
    }

    @Test func eachSourceHasAFewPlaces() {
        let door = Door()
        for _ in 0..<AdmissionLedger.sourceCountMax {
            #expect(door.enter("a", now: .zero))
        }
        #expect(!door.enter("a", now: .zero))
        #expect(door.enter("b", now: .zero))
        door.leave("a")
        #expect(door.enter("a", now: .zero))
    }

    @Test func allTogetherHaveSomeMore() {
        let door = Door()
        for number in 0..<AdmissionLedger.countMax {
            #expect(door.enter("\(number)", now: .zero))
        }
        #expect(!door.enter("new", now: .zero))
        door.leave("3")
        #expect(door.enter("new", now: .zero))
    }

    @Test func failuresKeepTheirPlacesForAWhile() {
        let door = Door()
        let pause = AdmissionLedger.failurePause
        for number in 0..<AdmissionLedger.sourceCountMax {
            let now = Duration.milliseconds(number)
            #expect(door.enter("a", now: now))
            door.fail("a", now: now)
        }
        #expect(!door.enter("a", now: pause - .milliseconds(1)))
        #expect(door.enter("a", now: pause))
        #expect(!door.enter("a", now: pause), "one place is free again, not all")
        #expect(door.enter("a", now: pause + .seconds(1)))
        #expect(door.count == 2)
    }

    @Test func loopbackIsToldFromOtherMachines() {
        for host in ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LocalHost"] {
            #expect(ClusterSecurity.isLoopback(host), "\(host)")
        }
        for host in [
            "0.0.0.0", "::", "10.0.0.1", "node01", "127.0.0.1.example.com", "127.1", "127.0.0.256",
            "localhost.example.com", "1.0.0.127", "",
        ] { #expect(!ClusterSecurity.isLoopback(host), "\(host)") }
    }
}
