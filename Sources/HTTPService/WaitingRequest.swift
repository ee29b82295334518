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
    private let departure: PeerDeparture
    private let observation: Int
    private let checkCaller: @Sendable () async throws -> Void
    private let isSettled = Mutex(false)

    /// - Parameters:
    ///   - queue: of what happens to the batch.
    ///   - departure: of the client.
    ///   - checkCaller: throws 401 when the caller may not ask any more.
    init(
        service: any ImageServing, id: BatchID, caller: ServedCaller, queue: EventQueue,
        departure: PeerDeparture, checkCaller: @escaping @Sendable () async throws -> Void
    ) {
        (self.service, self.id, self.caller, self.queue) = (service, id, caller, queue)
        (self.departure, self.checkCaller) = (departure, checkCaller)
        observation = departure.observe { [weak queue] in queue?.end() }
    }

    deinit { settle(isAnswered: false) }

    /// Nobody waits any more.
    func settle(isAnswered: Bool) {
        let isFirst = isSettled.withLock { isSettled in
            defer { isSettled = true }
            return !isSettled
        }
        guard isFirst else { return }
        departure.forget(observation)
        service.left(id, isAnswered: isAnswered)
    }

    /// Waits for the batch's end; nothing is read before.
    ///
    /// - Returns: the batch; `nil` when the time is up.
    /// - Throws: 401 when the caller's key is revoked; `draining` when the service stops or the
    ///   client is gone.
    func finished(within limit: Duration) async throws -> FinishedBatch? {
        let clock = ContinuousClock()
        let end = clock.now + limit
        let alarm = Task { [weak queue] in
            try await Task.sleep(until: end, clock: clock)
            queue?.wake()
        }
        defer { alarm.cancel() }
        while true {
            if try service.hasEnded(id, for: caller) {
                return try await service.finished(id, for: caller)
            }
            if clock.now >= end { return nil }
            try await change()
        }
    }

    /// Waits until something has changed, or some seconds have passed.
    ///
    /// - Throws: 401 when the caller's key is revoked; `draining` when the service stops or the
    ///   client is gone.
    func change() async throws {
        guard await queue.next() != nil else {
            try await checkCaller()
            throw APIProblem(.draining, batch: "")
        }
        // A cancelled task is not kept waiting any more.
        try Task.checkCancellation()
    }
}
