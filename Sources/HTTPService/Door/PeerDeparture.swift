// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Tells the requests of a connection when its client is gone.
///
/// A connection serves many requests: each one observes for as long as it waits, and leaves nothing
/// behind.
package final class PeerDeparture: Sendable {
    private struct State {
        var hasLeft = false
        var observers: [Int: @Sendable () -> Void] = [:]
        var observationCount = 0
    }

    private let state = Mutex(State())

    /// The client is there.
    package init() {}

    /// Requests that observe.
    package var observerCount: Int { state.withLock(\.observers.count) }

    /// Calls `body` once when the client leaves; now, if it has left.
    ///
    /// - Returns: what `forget` takes.
    package func observe(_ body: @escaping @Sendable () -> Void) -> Int {
        let (number, hasLeft) = state.withLock { state in
            state.observationCount += 1
            if !state.hasLeft { state.observers[state.observationCount] = body }
            return (state.observationCount, state.hasLeft)
        }
        if hasLeft { body() }
        return number
    }

    /// A request does not wait any more.
    package func forget(_ observation: Int) {
        state.withLock { _ = $0.observers.removeValue(forKey: observation) }
    }

    /// The client has closed its side of the connection.
    package func leave() {
        let observers = state.withLock { state in
            defer { (state.hasLeft, state.observers) = (true, [:]) }
            return state.observers
        }
        for observer in observers.values { observer() }
    }
}
