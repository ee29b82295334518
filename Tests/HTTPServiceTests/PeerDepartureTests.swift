// SPDX-License-Identifier: Apache-2.0

import HTTPService
import Synchronization
import Testing

/// Requests that hear when their client is gone.
@Suite struct PeerDepartureTests {
    private let calls = Counter()

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func add() { count.withLock { $0 += 1 } }
    }

    /// A connection that is kept serves many requests.
    @Test func answeredRequestsLeaveNothingBehind() {
        let departure = PeerDeparture()
        for _ in 0..<1000 {
            departure.forget(departure.observe { [calls] in calls.add() })
        }
        #expect(departure.observerCount == 0)
        _ = departure.observe { [calls] in calls.add() }
        departure.leave()
        departure.leave()
        #expect(calls.value == 1 && departure.observerCount == 0)
    }

    @Test func whoComesLateHearsItAtOnce() {
        let departure = PeerDeparture()
        departure.leave()
        departure.forget(departure.observe { [calls] in calls.add() })
        #expect(calls.value == 1 && departure.observerCount == 0)
    }
}
