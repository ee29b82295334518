// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes
package import Logging
package import NIOCore
import WireProtocol

/// Listens, samples and reports until it is drained or its task is cancelled.
package final class WorkerServer: Sendable {
    /// Time allowed for final messages when the worker stops.
    private static let goodbyeTimeout = Duration.seconds(2)

    private let configuration: WorkerConfiguration
    private let security: ClusterSecurity
    private let generators: [any LatentGenerating]
    private let group: any EventLoopGroup
    private let logger: Logger
    private let events: AsyncStream<WorkerStateMachine.Event>
    private let input: AsyncStream<WorkerStateMachine.Event>.Continuation
    private let counter = TrafficCounter()

    /// Prepares a worker without opening anything.
    ///
    /// - Parameters:
    ///   - security: the credentials required of a coordinator.
    ///   - generators: one for each image that is sampled at the same time, on a thread of its own.
    package init(
        configuration: WorkerConfiguration, security: ClusterSecurity = .none,
        generators: [any LatentGenerating], group: any EventLoopGroup, logger: Logger
    ) {
        precondition(!generators.isEmpty, "a worker without a generator")
        self.configuration = configuration
        self.security = security
        self.generators = generators
        self.group = group
        self.logger = logger
        (events, input) = AsyncStream.makeStream()
    }

    /// Prepares a worker that samples one image at a time.
    package convenience init(
        configuration: WorkerConfiguration, security: ClusterSecurity = .none,
        generator: any LatentGenerating, group: any EventLoopGroup, logger: Logger
    ) {
        self.init(
            configuration: configuration, security: security, generators: [generator],
            group: group, logger: logger)
    }

    /// Total bytes on all connections.
    package var traffic: ByteCounts { counter.snapshot }

    /// Finishes the running images, refuses new ones, says goodbye; `run` then returns.
    package func drain() {
        input.yield(.drain)
    }

    /// Works until it is drained; call it once.
    ///
    /// - Parameters:
    ///   - listener: a port opened earlier, if preparing the generator took a while; `nil` to open
    ///     the configured one. It is closed at the end.
    ///   - onEvent: called in order on its own thread, where it may block; `run` returns after the
    ///     last call has returned. The first event is `listening`.
    /// - Throws: `TransportError` if the port can't be opened; `CancellationError`.
    package func run(
        on openListener: ClusterListener? = nil,
        onEvent: @escaping @Sendable (WorkerEvent) -> Void
    ) async throws {
        var opened = openListener
        if opened == nil {
            opened = try await ClusterListener.bind(
                host: configuration.host, port: configuration.port, group: group)
        }
        guard let listener = opened else { return }
        let input = input
        let relay = EventRelay(onEvent)
        let report = { @Sendable [logger] (event: WorkerEvent) in
            logger.log(level: event.logLevel, event.logMessage, metadata: event.logMetadata)
            relay.send(event)
        }
        let threads = generators.map { GenerationThread(generator: $0) { input.yield($0) } }
        let loop = group.next()
        let engine = WorkerEngine(
            machine: WorkerStateMachine(
                node: node(port: listener.port), timeouts: configuration.timeouts),
            threads: threads, loop: loop, logger: logger, emit: { input.yield($0) },
            report: report, onStop: { input.finish() })
        report(.listening(host: configuration.host, port: listener.port))
        let result = await Result {
            try await withTaskExecutorPreference(EventLoopExecutor(loop)) {
                try await work(listener, engine) { peer, reason in
                    report(.strangerRejected(peer: peer, reason: reason))
                }
            }
        }
        await engine.abandon()
        for thread in threads { await thread.shutDown() }
        await relay.finish()
        try result.get()
    }

    private enum Ended { case listener, drained, patience }

    private func work(
        _ listener: ClusterListener, _ engine: WorkerEngine,
        reject: @escaping @Sendable (_ peer: String, _ reason: String) -> Void
    ) async throws {
        let rules = ListenerRules(
            connectionCountMax: configuration.connectionCountMax, security: security,
            handshake: configuration.timeouts.handshake)
        try await withThrowingTaskGroup(of: Ended.self) { tasks in
            tasks.addTask {
                try await listener.run(rules: rules, counter: self.counter, reject: reject) {
                    await engine.serve($0)
                }
                return .listener
            }
            tasks.addTask {
                for await event in self.events { await engine.handle(event) }
                try Task.checkCancellation()
                return .drained
            }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                switch ended {
                case .listener: return
                case .drained:
                    // Final messages are sent, then every connection and the port close.
                    await engine.finishConnections()
                    listener.close()
                    tasks.addTask {
                        try await Task.sleep(for: Self.goodbyeTimeout)
                        return .patience
                    }
                case .patience: await engine.abandon()
                }
            }
        }
    }

    private func node(port: Int) -> NodeDescription {
        var random = SystemRandomNumberGenerator()
        return NodeDescription(
            role: .worker,
            instance: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) },
            name: configuration.name ?? "\(configuration.host):\(port)", build: configuration.build,
            kernelClass: configuration.kernelClass, coreCount: configuration.coreCount,
            memoryByteCount: configuration.memoryByteCount, model: configuration.model,
            credits: configuration.credits ?? 2 * generators.count,
            pictureCount: generators.count)
    }
}

extension Result where Failure == any Error {
    /// Catches errors of an asynchronous body, to clean up before rethrowing.
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
