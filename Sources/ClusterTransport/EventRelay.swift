// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Calls a handler for every event, in order, on a thread of its own.
///
/// A handler that blocks, on a stopped terminal say, holds up neither the protocol nor the threads
/// that tasks run on; what it has not taken yet waits in a queue.
package final class EventRelay<Event: Sendable>: Sendable {
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let handler: @Sendable (Event) -> Void

    /// Starts the thread; `finish` ends it.
    package init(_ handler: @escaping @Sendable (Event) -> Void) {
        self.handler = handler
        thread.start()
    }

    /// Queues an event; never blocks.
    ///
    /// After `finish` it does nothing.
    package func send(_ event: Event) {
        thread.submit { [handler] state in
            if state == .active { handler(event) }
        }
    }

    /// Waits until the handler has returned from every event sent before, and ends the thread.
    ///
    /// Not cut short when the task is cancelled: the last events tell why.
    package func finish() async {
        await withCheckedContinuation { continuation in
            thread.submit { _ in continuation.resume() }
        }
        // The only error is that it was shut down before.
        try? await thread.shutdownGracefully()
    }
}
