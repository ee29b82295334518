// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Calls a handler for every event, in order, on its own thread.
///
/// A handler that blocks, for example on a stopped terminal, delays neither the protocol nor the
/// threads that run tasks; pending events wait in a queue.
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

    /// Waits until the handler has processed every event sent before, and ends the thread.
    ///
    /// Not interrupted when the task is cancelled: the last events give the reason.
    package func finish() async {
        await withCheckedContinuation { continuation in
            thread.submit { _ in continuation.resume() }
        }
        // The only possible error is that it was shut down before.
        try? await thread.shutdownGracefully()
    }
}
