// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// A connection being established; cancelling it ends the wait for a host that does not answer.
package final class ConnectionAttempt: Sendable {
    private struct State {
        /// Cancels the pending parts: the name lookup, a channel for each address.
        var ends: [@Sendable () -> Void] = []
        var isGivenUp = false
    }

    private let state = Mutex(State())

    /// Nothing is pending yet.
    package init() {}

    /// Whether the attempt was cancelled.
    package var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// Ends the attempt; connecting throws.
    package func giveUp() {
        let ends = state.withLock { state in
            state.isGivenUp = true
            return state.ends
        }
        for end in ends { end() }
    }

    func began(_ channel: any Channel) {
        began { channel.close(promise: nil) }
    }

    /// Performs the work before there is a channel; cancelling the attempt or the task cancels it.
    func value<Value: Sendable>(
        of work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task(operation: work)
        began { task.cancel() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func began(_ end: @escaping @Sendable () -> Void) {
        let isGivenUp = state.withLock { state in
            state.ends.append(end)
            return state.isGivenUp
        }
        if isGivenUp { end() }
    }
}
