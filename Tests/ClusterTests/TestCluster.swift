// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import WireProtocol
import Worker

/// Workers and coordinators in this process, over real loopback sockets.
enum TestCluster {
    static let model = ModelFingerprint(
        unet: [UInt8](repeating: 1, count: 32), textEncoder: [UInt8](repeating: 2, count: 32),
        vae: [UInt8](repeating: 3, count: 32))
    /// Knows leases of sessions 1, 2, … again.
    static func mint(session: Int = 1) -> LeaseMint {
        LeaseMint(key: [UInt8](repeating: 9, count: LeaseMint.keyByteCount), session: session)
    }

    static let group = MultiThreadedEventLoopGroup.singleton
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static var timeouts: ClusterTimeouts {
        var timeouts = ClusterTimeouts()
        timeouts.progressInterval = .zero
        timeouts.connect = .seconds(2)
        timeouts.busyRetry = .milliseconds(10)
        timeouts.reconnect = .milliseconds(5)
        timeouts.reconnectMax = .milliseconds(20)
        return timeouts
    }

    static func workerConfiguration() -> WorkerConfiguration {
        var configuration = WorkerConfiguration(
            build: "test", kernelClass: "hash", coreCount: 1, memoryByteCount: 1 << 30,
            model: model)
        configuration.port = 0
        configuration.timeouts = timeouts
        return configuration
    }

    static func coordinatorConfiguration() -> CoordinatorConfiguration {
        var configuration = CoordinatorConfiguration(
            name: "test", build: "test", kernelClass: "hash", coreCount: 1,
            memoryByteCount: 1 << 30, model: model,
            latents: LatentFormat(channelCount: 4, scale: 8))
        configuration.timeouts = timeouts
        configuration.checkpoints = .every(0)
        configuration.tolerance.retryPause = .milliseconds(5)
        configuration.tolerance.verdictPause = .milliseconds(50)
        configuration.tolerance.quarantine = .milliseconds(20)
        configuration.tolerance.reconnectWindow = .milliseconds(200)
        return configuration
    }

    static func requests(_ count: Int, steps: Int = 4) -> [GenerationRequest] {
        (0..<count).map {
            GenerationRequest(
                prompt: "picture \($0)", seed: UInt64($0), width: 64, height: 64,
                inferenceStepCount: steps)
        }
    }

    static func coordinator(
        _ workers: [WorkerAddress], security: ClusterSecurity = .none,
        _ configure: (inout CoordinatorConfiguration) -> Void = { _ in }
    ) -> Coordinator {
        var configuration = coordinatorConfiguration()
        configure(&configuration)
        return Coordinator(
            configuration: configuration, workers: workers, security: security, group: group,
            logger: logger)
    }
}

/// One worker of a test.
final class TestWorker: Sendable {
    let server: WorkerServer
    let events = Recorder<WorkerEvent>()
    private let task = Mutex<Task<Void, any Error>?>(nil)

    init(
        _ generator: HashChainGenerator = HashChainGenerator(),
        security: ClusterSecurity = .none,
        _ configure: (inout WorkerConfiguration) -> Void = { _ in }
    ) {
        var configuration = TestCluster.workerConfiguration()
        configure(&configuration)
        server = WorkerServer(
            configuration: configuration, security: security, generator: generator,
            group: TestCluster.group, logger: TestCluster.logger)
    }

    /// Starts it and waits for its port.
    func start() async -> WorkerAddress {
        let running = Task { [server, events] in
            do {
                try await server.run { events.record($0) }
            } catch let error as TransportError {
                Issue.record(error, "the worker ended")
                throw error
            }
        }
        task.withLock { $0 = running }
        let port = await events.first { event -> Int? in
            if case .listening(_, let port) = event { port } else { nil }
        }
        return WorkerAddress(host: "127.0.0.1", port: port)
    }

    /// Cuts it off in the middle of whatever it does.
    func kill() { task.withLock { $0?.cancel() } }

    /// Waits until it has ended, however that is.
    func ended() async {
        _ = await task.withLock { $0 }?.result
    }

    /// Ends it.
    func stop() async {
        kill()
        await ended()
    }
}

/// Runs a body with workers and ends them afterwards.
func withWorkers<Result>(
    _ workers: [TestWorker], _ body: ([WorkerAddress]) async throws -> Result
) async throws -> Result {
    var addresses: [WorkerAddress] = []
    for worker in workers { addresses.append(await worker.start()) }
    do {
        let result = try await body(addresses)
        for worker in workers { await worker.stop() }
        return result
    } catch {
        for worker in workers { await worker.stop() }
        throw error
    }
}

/// Collects events, and lets tests wait for one.
final class Recorder<Event: Sendable>: Sendable {
    private struct State {
        var events: [Event] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var all: [Event] { state.withLock { $0.events } }

    func record(_ event: Event) {
        let waiters = state.withLock { state in
            state.events.append(event)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The first event for which `transform` has a value, now or later.
    func first<Value>(_ transform: (Event) -> Value?) async -> Value {
        var seen = 0
        while true {
            let events = all
            for event in events[seen...] {
                if let value = transform(event) { return value }
            }
            seen = events.count
            await withCheckedContinuation { continuation in
                let isLate = state.withLock { state in
                    if state.events.count > seen { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if isLate { continuation.resume() }
            }
        }
    }
}

/// A decoder that makes a grey picture, checked against the latents.
struct GreyDecoder: LatentDecoding {
    var beforeDecode: @Sendable (GeneratedLatents) throws -> Void = { _ in }

    func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        try beforeDecode(latents)
        let (width, height) = (latents.width * 8, latents.height * 8)
        return RGBImage(
            width: width, height: height,
            bytes: [UInt8](repeating: 128, count: 3 * width * height))
    }
}

/// What a run returned and reported.
struct RunRecord: Sendable {
    var summary = CoordinatorSummary()
    var images: [FinishedImage] = []
    var events: [CoordinatorEvent] = []

    var latentsByItem: [Int: GeneratedLatents] {
        Dictionary(uniqueKeysWithValues: images.map { ($0.result.image.rawValue, $0.latents) })
    }
}

extension Coordinator {
    /// Runs and records everything.
    func record(
        _ requests: [GenerationRequest], decoder: GreyDecoder = GreyDecoder(),
        onEvent: @escaping @Sendable (CoordinatorEvent) -> Void = { _ in }
    ) async throws -> RunRecord {
        let events = Recorder<CoordinatorEvent>()
        let images = Recorder<FinishedImage>()
        let summary = try await run(
            requests, decoder: decoder,
            onEvent: {
                events.record($0)
                onEvent($0)
            }, consume: { images.record($0) })
        return RunRecord(summary: summary, images: images.all, events: events.all)
    }
}
