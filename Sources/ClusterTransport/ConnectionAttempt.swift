// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// A connection on its way; giving it up ends the wait for a host that does not answer.
package final class ConnectionAttempt: Sendable {
    private struct State {
        var channel: (any Channel)?
        var isGivenUp = false
    }

    private let state = Mutex(State())

    /// Nothing is on its way yet.
    package init() {}

    /// Whether nobody wants the connection any more.
    package var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// Ends the attempt; connecting throws.
    package func giveUp() {
        let channel = state.withLock { state in
            state.isGivenUp = true
            return state.channel
        }
        channel?.close(promise: nil)
    }

    func began(_ channel: any Channel) {
        let isGivenUp = state.withLock { state in
            state.channel = channel
            return state.isGivenUp
        }
        if isGivenUp { channel.close(promise: nil) }
    }
}
