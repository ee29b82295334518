// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Dispatch
import Foundation
import GenerationTypes
import HTTPService
import Logging
import NIOPosix
import ProcessSupport
import Requests
import Runs
import ServiceAPI
import ServiceEngine
import ServiceLedger
import Synchronization
import TestSupport
import Testing
import Worker

/// A service with its store, its coordinator and its door, and a worker in this process whose
/// generator is a hash: everything of `retom-serve` but the model.
struct TestService: Sendable {
    /// How a test's service differs.
    struct Configuration {
        var limits = LedgerLimits()
        var times = DoorTimes()
        var gate = Gate()
        /// Whether its worker is there.
        var hasWorker = true
        /// Callers with keys; without any nobody needs one.
        var callers: [String] = []
        /// Those of them that run the service.
        var admins: [String] = []
        /// Nothing is accepted, and no image begins, while less is free.
        var freeByteCountMin = 0
        /// How much is free.
        var freeByteCount: ImageService.FreeByteCount = { store throws(ServiceStateError) in
            try store.freeByteCount
        }
    }

    private static let model = ModelFingerprint(
        unet: Array(repeating: 1, count: 32), textEncoder: Array(repeating: 2, count: 32),
        vae: Array(repeating: 3, count: 32))
    private static let group = MultiThreadedEventLoopGroup.singleton
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let images: ImageService
    let store: ServiceStore
    let client: HTTPClient
    let gate: Gate
    /// Texts of the callers' keys, by name.
    let keys: [String: String]
    private let lateness: Lateness

    /// How much later it is than it was.
    private final class Lateness: Sendable {
        let seconds = Mutex(0.0)
    }

    /// Time passes for the service.
    func pass(seconds: Double) {
        lateness.seconds.withLock { $0 += seconds }
        images.tick()
    }

    /// Waits until something is true; it is soon.
    func wait(
        _ what: Comment, until isTrue: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(180)
        while try await !isTrue() {
            try #require(ContinuousClock.now < deadline, what)
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Starts a service for a body, and ends it afterwards.
    static func with(
        _ change: (inout Configuration) -> Void = { _ in },
        _ body: @escaping @Sendable (TestService) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        change(&configuration)
        let directory = try TemporaryDirectory()
        var keys: [String: String] = [:]
        for name in configuration.callers {
            keys[name] = try ServiceStore.addKey(
                named: name, weight: 1, isAdmin: configuration.admins.contains(name), at: 1,
                in: directory.path)
        }
        let queue = DispatchQueue(label: "committer")
        let store = try ServiceStore.open(
            directory: directory.path, onCommitter: { queue.async(execute: $0) })
        let (worker, address) = try await worker(configuration.gate)
        if !configuration.hasWorker { worker.cancel() }
        let lateness = Lateness()
        let coordinator = coordinator(address)
        let images = try ImageService(
            store: store, model: served, latentChannels: 4, coordinator: coordinator,
            workers: [address.description], limits: configuration.limits,
            clock: WallClock { Date() + lateness.seconds.withLock { $0 } },
            freeByteCountMin: configuration.freeByteCountMin,
            freeByteCount: configuration.freeByteCount, logger: logger, onFailure: {})
        let running = try coordinator.start(
            end: .never, decoder: GreyDecoder(), store: store,
            onEvent: { images.note($0) },
            consume: { try await images.consume($0, decodeClass: "grey") })
        images.begin()
        let generating = Task { _ = try await running.wait() }
        let (gate, times) = (configuration.gate, configuration.times)
        let awaitsWorker = configuration.hasWorker
        try await withDoor(images, needsKeys: !keys.isEmpty, times) { [keys] port in
            let service = TestService(
                images: images, store: store, client: HTTPClient(port: port), gate: gate,
                keys: keys, lateness: lateness)
            if awaitsWorker {
                try await service.wait("the worker is ready") {
                    try await service.hasWorker()
                }
            }
            try await body(service)
        }
        gate.open()
        generating.cancel()
        worker.cancel()
        _ = await worker.result
        _ = await generating.result
        await images.shutDown()
    }

    private func hasWorker() async throws -> Bool {
        let caller = ServedCaller(visitor: Visitor(CallerID("local")))
        return try await images.cluster(for: caller).workers.contains { $0.state == "ready" }
    }

    // MARK: Parts

    private static var served: ServedModel {
        var settings = GenerationSettings(width: 64, height: 64)
        settings.inferenceStepCount = 4
        let defaults = settings
        return ServedModel(
            record: ModelRecord(name: "m", fingerprint: model), directory: nil, settings: [:],
            mergeMethods: ["none", "retom", "tome"],
            defaults: defaults.request(prompt: "", seed: 0), capabilities: "{}"
        ) { body in
            var random = SystemRandomNumberGenerator()
            do throws(PromptListError) {
                let plan = try RequestPlan(
                    entries: body.entries, settings: body.settings.filled(from: defaults),
                    seed: body.seed, batchCount: body.batchCount, using: &random)
                return .success(PlannedBatch(requests: plan.requests))
            } catch {
                return .failure(APIProblem(error))
            }
        }
    }

    private static var timeouts: ClusterTimeouts {
        var timeouts = ClusterTimeouts()
        timeouts.progressInterval = .zero
        timeouts.reconnect = .milliseconds(5)
        timeouts.reconnectMax = .milliseconds(20)
        return timeouts
    }

    private static func coordinator(_ address: WorkerAddress) -> Coordinator {
        var configuration = CoordinatorConfiguration(
            name: "test", build: "test", kernelClass: "grey", coreCount: 1,
            memoryByteCount: 1 << 30, model: model,
            latents: LatentFormat(channelCount: 4, scale: 8))
        configuration.timeouts = timeouts
        return Coordinator(
            configuration: configuration, workers: [address], security: .none, group: group,
            logger: logger)
    }

    private static func worker(
        _ gate: Gate
    ) async throws -> (Task<Void, any Error>, WorkerAddress) {
        var configuration = WorkerConfiguration(
            build: "test", kernelClass: "hash", coreCount: 1, memoryByteCount: 1 << 30,
            model: model)
        configuration.timeouts = timeouts
        let listener = try await ClusterListener.bind(host: "127.0.0.1", port: 0, group: group)
        let server = WorkerServer(
            configuration: configuration, security: .none, generator: gate.generator,
            group: group, logger: logger)
        let address = WorkerAddress(host: "127.0.0.1", port: listener.port)
        return (Task { try await server.run(on: listener) { _ in } }, address)
    }

    private static func withDoor(
        _ images: ImageService, needsKeys: Bool, _ times: DoorTimes,
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let door = HTTPDoor(
            images,
            configuration: HTTPDoor.Configuration(
                host: "127.0.0.1", port: 0, rules: HostRules(boundHost: "127.0.0.1"),
                needsKeys: needsKeys), group: group, times: times, logger: logger)
        let (stops, stop) = AsyncStream<Void>.makeStream()
        let (ports, port) = AsyncStream<Int>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await door.run(until: stops) { port.yield($0) } }
            for await port in ports {
                do {
                    try await body(port)
                } catch {
                    Issue.record(error)
                }
                break
            }
            images.drain()
            stop.yield()
            try await tasks.waitForAll()
        }
    }
}

/// A decoder that makes a grey picture of latents.
private struct GreyDecoder: LatentDecoding {
    func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        let (width, height) = (latents.width * 8, latents.height * 8)
        return RGBImage(
            width: width, height: height,
            bytes: [UInt8](repeating: 128, count: 3 * width * height))
    }
}
