// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc
package import NIOCore
import Synchronization

/// Resolves host names; no host waits for another host's name.
///
/// The system's lookup blocks until a name server answers or it gives up, after 10 s or more, and
/// cannot be cancelled. So each lookup runs on its own thread, at most one per name. Callers that
/// request the same name share its lookup, and may stop waiting at any time; an answer that arrives
/// after that serves the next caller.
package final class NameResolver: Sendable {
    /// Blocks until the addresses of a name are known, port 0.
    package typealias Lookup =
        @Sendable (_ name: String) throws(NameResolutionError) -> [SocketAddress]

    /// Asks the system.
    package static let system = NameResolver(lookup: SystemLookup.addresses)

    /// A lookup needs some stack; the system's plug-ins (for example LDAP) need more than ours.
    private static let stackByteCount = 512 << 10
    /// How long a late answer stays valid.
    private static let keptTime = Duration.seconds(60)

    private typealias Answer = Result<[SocketAddress], NameResolutionError>
    private typealias Waiter = CheckedContinuation<[SocketAddress], any Error>

    private struct State {
        var queue: LookupQueue
        var waiters: [String: [UInt64: Waiter]] = [:]
        var nextWaiter: UInt64 = 0
        /// Late answers that nobody waited for.
        var kept: [String: (addresses: [SocketAddress], until: ContinuousClock.Instant)] = [:]
        /// Timers of lookups that may turn out to be slow.
        var clocks: [String: Task<Void, Never>] = [:]
    }

    private let lookup: Lookup
    private let lateAfter: Duration
    private let state: Mutex<State>

    /// Creates a resolver.
    ///
    /// - Parameters:
    ///   - placeCount: concurrent lookups.
    ///   - lateAfter: time after which a lookup no longer counts as one of those.
    ///   - lookup: called on its own thread.
    package init(
        placeCount: Int = 16, lateAfter: Duration = .seconds(1), lookup: @escaping Lookup
    ) {
        self.lookup = lookup
        self.lateAfter = lateAfter
        state = Mutex(State(queue: LookupQueue(placeCount: placeCount)))
    }

    /// The addresses of a host, port 0, in the system's order; literal ones at once.
    ///
    /// - Parameter limit: how long to wait for a name; its lookup continues in the background.
    /// - Throws: `NameResolutionError`; `CancellationError`.
    package func addresses(of host: String, within limit: Duration) async throws -> [SocketAddress]
    {
        if let address = SystemLookup.literal(host) { return [address] }
        if let addresses = takeKept(host) { return addresses }
        return try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await self.answer(for: host) }
            tasks.addTask {
                try await Task.sleep(for: limit)
                throw NameResolutionError(reason: "no answer within \(limit.seconds) s")
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? []
        }
    }

    /// The address to listen on for a `--host`: the host's first one.
    ///
    /// - Throws: `NameResolutionError`; `CancellationError`.
    package func address(toListenOn host: String, port: Int) async throws -> SocketAddress {
        let addresses = try await addresses(of: host, within: ClusterTimeouts().lookup)
        guard let first = addresses.first else { throw NameResolutionError(reason: "no address") }
        return first.with(port: port)
    }

    /// Waits for the lookup of a name, starting it if necessary.
    private func answer(for name: String) async throws -> [SocketAddress] {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                begin(
                    state.withLock { state in
                        state.waiters[name, default: [:]][id] = waiter
                        return state.queue.add(name)
                    })
                // The handler below may have run before the waiter was registered.
                if Task.isCancelled { cancel(id, of: name) }
            }
        } onCancel: {
            cancel(id, of: name)
        }
    }

    private func takeKept(_ name: String) -> [SocketAddress]? {
        let kept = state.withLock { $0.kept.removeValue(forKey: name) }
        guard let kept, ContinuousClock.now < kept.until else { return nil }
        return kept.addresses
    }

    private func cancel(_ id: UInt64, of name: String) {
        state.withLock { $0.waiters[name]?.removeValue(forKey: id) }?
            .resume(throwing: CancellationError())
    }

    private func begin(_ names: [String]) {
        for name in names {
            let clock = Task {
                guard (try? await Task.sleep(for: lateAfter)) != nil else { return }
                begin(state.withLock { $0.queue.isLate(name) })
            }
            state.withLock { $0.clocks[name] = clock }
            let hasThread = Self.detach(stackByteCount: Self.stackByteCount) {
                self.end(name, Answer { () throws(NameResolutionError) in try self.lookup(name) })
            }
            guard !hasThread else { continue }
            end(name, .failure(NameResolutionError(reason: "no thread could be started")))
        }
    }

    private func end(_ name: String, _ answer: Answer) {
        let (waiters, clock, next) = state.withLock { state in
            let waiters = state.waiters.removeValue(forKey: name) ?? [:]
            if waiters.isEmpty, case .success(let addresses) = answer {
                state.kept[name] = (addresses, .now + Self.keptTime)
            }
            return (waiters, state.clocks.removeValue(forKey: name), state.queue.ended(name))
        }
        clock?.cancel()
        for waiter in waiters.values { waiter.resume(with: answer.mapError { $0 }) }
        begin(next)
    }

    /// - Returns: whether there is such a thread.
    private static func detach(
        stackByteCount: Int, _ body: @escaping @Sendable () -> Void
    ) -> Bool {
        let work = Unmanaged.passRetained(Work(body))
        let status = withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { space in
            guard let attributes = space.baseAddress else { return ENOMEM }
            pthread_attr_init(attributes)
            defer { pthread_attr_destroy(attributes) }
            pthread_attr_setstacksize(attributes, stackByteCount)
            pthread_attr_setdetachstate(attributes, CInt(PTHREAD_CREATE_DETACHED))
            var thread = pthread_t()
            return pthread_create(
                &thread, attributes,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                }, work.toOpaque())
        }
        if status != 0 { work.release() }
        return status == 0
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
