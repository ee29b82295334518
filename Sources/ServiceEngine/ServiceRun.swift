// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
package import Coordinator
import FoundationEssentials
import GenerationTypes
package import Logging
import NIOCore
import NIOPosix
import ProcessSupport
import Requests
package import RunService
package import Runs
package import ServiceLedger

/// One session of a service, from its start to its stop.
package struct ServiceRun: Sendable {
    /// How a service works.
    package struct Configuration: Sendable {
        /// How much it takes, and how long it keeps what.
        package var limits: LedgerLimits
        /// How often workers save their images.
        package var checkpoints: CheckpointPolicy
        /// Whether workers make the pictures, where they can.
        package var workersDecode: Bool

        /// Describes a service.
        package init(
            limits: LedgerLimits, checkpoints: CheckpointPolicy, workersDecode: Bool
        ) {
            self.limits = limits
            self.checkpoints = checkpoints
            self.workersDecode = workersDecode
        }
    }

    private enum Ending { case stopped, coordinator, other }

    /// Retention and keep-alives are looked at this often.
    private static let tickInterval = Duration.seconds(5)
    /// Pictures that wait for the disk, at most: 3 MB each at a million pixels.
    private static let backlogMax = 64
    /// Revoked keys are looked for this often.
    private static let keyInterval = Duration.seconds(1)

    private let store: ServiceStore
    private let prepared: PreparedModel
    private let model: ServedModel
    private let pool: WorkerPool
    private let configuration: Configuration
    private let clock: WallClock
    private let logger: Logger

    /// Joins the parts of a service; its directory is its own, and its model is loaded.
    package init(
        store: ServiceStore, prepared: PreparedModel, model: ServedModel, pool: WorkerPool,
        configuration: Configuration, clock: WallClock = .system, logger: Logger
    ) {
        self.store = store
        self.prepared = prepared
        self.model = model
        self.pool = pool
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
    }

    /// Runs the service until its door closes, or until nothing can be written any more.
    ///
    /// - Parameters:
    ///   - stop: asks the service to stop.
    ///   - serve: serves clients until the stream yields something.
    /// - Throws: what ends the service against its will.
    package func perform(
        stop: any RunStopping,
        serve: @escaping @Sendable (ImageService, AsyncStream<Void>) async throws -> Void
    ) async throws {
        try store.bind(
            to: StoredModel(
                record: model.record, directory: model.directory,
                fingerprint: prepared.fingerprint, settings: model.settings))
        try store.removeStrays()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var fleet: LocalFleet?
        do {
            let (addresses, security): ([WorkerAddress], ClusterSecurity)
            switch pool {
            case .hosts(let hosts, let shown): (addresses, security) = (hosts, shown)
            case .local(let count, let arguments):
                let started = try await LocalFleet(
                    count: count, arguments: arguments, group: group, logger: logger)
                (addresses, security) = (started.addresses, started.security)
                fleet = started
            }
            let coordinator = Coordinator(
                configuration: coordinatorConfiguration(workerCount: addresses.count),
                workers: addresses, security: security, group: group, logger: logger)
            try await run(coordinator, addresses, fleet, stop, serve)
        } catch {
            await fleet?.stop()
            try? await group.shutdownGracefully()
            throw error
        }
        await fleet?.stop()
        try? await group.shutdownGracefully()
    }

    private func coordinatorConfiguration(workerCount: Int) -> CoordinatorConfiguration {
        var coordinator = CoordinatorConfiguration(
            for: prepared, checkpoints: configuration.checkpoints,
            wantsPictures: configuration.workersDecode)
        coordinator.consumerCount = ImageService.writerCount
        // Many workers finish several pictures in the time that the disk needs for one.
        coordinator.decodeBacklogMax = max(
            coordinator.decodeBacklogMax, min(workerCount / 4, Self.backlogMax))
        return coordinator
    }

    private func run(
        _ coordinator: Coordinator, _ addresses: [WorkerAddress], _ fleet: LocalFleet?,
        _ stop: any RunStopping,
        _ serve: @escaping @Sendable (ImageService, AsyncStream<Void>) async throws -> Void
    ) async throws {
        let (stops, stopInput) = AsyncStream<Void>.makeStream()
        let identity = try store.identity(orNew: ServiceStore.Identity.random)
        let session = try store.beginSession(at: clock.now().timeIntervalSince1970)
        let service = try ImageService(
            store: store, model: model, latentChannels: prepared.decoder.format.channelCount,
            coordinator: coordinator,
            workers: addresses.map(\.description), limits: configuration.limits, clock: clock,
            logger: logger,
            onFailure: { stopInput.yield() })
        let decodeClass = prepared.decoder.kernelClass
        let running = try coordinator.start(
            end: .never, decoder: prepared.decoder, store: store,
            resumed: ResumedRun(
                session: session, leaseKey: identity.leaseKey, instance: identity.instance),
            onEvent: { service.note($0) },
            consume: { try await service.consume($0, decodeClass: decodeClass) })
        service.begin()
        stop.onRequest {
            service.drain()
            stopInput.yield()
        }
        defer { stopInput.finish() }
        do {
            try await withThrowingTaskGroup(of: Ending.self) { tasks in
                tasks.addTask {
                    _ = try await running.wait()
                    return .coordinator
                }
                tasks.addTask {
                    try await serve(service, stops)
                    return .stopped
                }
                tasks.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: Self.tickInterval)
                        service.tick()
                    }
                    return .other
                }
                tasks.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: Self.keyInterval)
                        await service.endRevoked()
                    }
                    return .other
                }
                if let fleet {
                    tasks.addTask {
                        await fleet.superviseUntilCancelled()
                        return .other
                    }
                }
                tasks.addTask { [prepared] in
                    try await DedicatedThread.run(named: "decode") {
                        try service.decodeLate(
                            with: prepared.decoder, decodeClass: decodeClass)
                    }
                    return .other
                }
                while let ending = try await tasks.next(), ending == .other {}
                // Leases stay with their workers: connections end without a farewell.
                tasks.cancelAll()
                while (try? await tasks.next()) != nil {}
            }
        } catch {
            await service.shutDown()
            throw service.failure ?? error
        }
        await service.shutDown()
        if let failure = service.failure { throw failure }
    }
}
