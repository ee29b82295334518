// SPDX-License-Identifier: Apache-2.0

import ServiceAPI
import ServiceLedger
import Synchronization

/// A request that waits for its batch, until it is answered or its client is gone.
final class WaitingRequest: Sendable {
    let service: any ImageServing
    let id: BatchID
    let caller: ServedCaller
    private let queue: EventQueue
    private let isSettled = Mutex(false)

    /// - Parameter queue: of what happens to the batch; ended when the client is gone.
    init(service: any ImageServing, id: BatchID, caller: ServedCaller, queue: EventQueue) {
        (self.service, self.id, self.caller, self.queue) = (service, id, caller, queue)
    }

    deinit { settle(isAnswered: false) }

    /// Nobody waits any more.
    func settle(isAnswered: Bool) {
        let isFirst = isSettled.withLock { isSettled in
            defer { isSettled = true }
            return !isSettled
        }
        if isFirst { service.left(id, isAnswered: isAnswered) }
    }

    /// Waits for the batch's end; watchers are woken every few seconds, so that time is noticed.
    ///
    /// - Returns: what came of it; `nil` when the time is up.
    /// - Throws: `draining` when the service stops or the client is gone.
    func drawn(within limit: Duration) async throws -> DrawnBatch? {
        let clock = ContinuousClock()
        let begin = clock.now
        while true {
            let batch = try await service.batch(id, for: caller, images: nil)
            if BatchStatus(rawValue: batch.status)?.isFinal == true {
                return try await service.drawn(id, for: caller)
            }
            if clock.now - begin >= limit { return nil }
            try await change()
        }
    }

    /// Waits until something has changed, or some seconds have passed.
    ///
    /// - Throws: `draining` when the service stops or the client is gone.
    func change() async throws {
        guard await queue.next() != nil else { throw APIProblem(.draining, batch: "") }
        // A cancelled task is not kept waiting any more.
        try Task.checkCancellation()
    }
}
