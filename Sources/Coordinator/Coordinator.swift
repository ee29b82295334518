// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes
package import Logging
package import NIOCore
import WireProtocol

/// Gives the images of one run to workers, decodes what comes back and hands it on.
///
/// One value performs one run.
package final class Coordinator: Sendable {
    /// How long last words may take to leave when the run ends.
    private static let goodbyeTimeout = Duration.seconds(2)

    private typealias Dial = (id: ConnectionID, address: WorkerAddress)

    private let configuration: CoordinatorConfiguration
    private let workers: [WorkerAddress]
    private let security: ClusterSecurity
    private let resolver: NameResolver
    private let group: any EventLoopGroup
    private let logger: Logger
    private let events: AsyncStream<CoordinatorStateMachine.Event>
    private let input: AsyncStream<CoordinatorStateMachine.Event>.Continuation
    private let counter = TrafficCounter()

    /// Names the workers of a run; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - security: what is shown to every worker and asked of it.
    ///   - resolver: finds the addresses of workers that have names.
    package init(
        configuration: CoordinatorConfiguration, workers: [WorkerAddress],
        security: ClusterSecurity = .none, resolver: NameResolver = .system,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.security = security
        self.resolver = resolver
        self.configuration = configuration
        self.workers = workers
        self.group = group
        self.logger = logger
        (events, input) = AsyncStream.makeStream()
    }

    /// Bytes on all connections so far.
    package var traffic: ClusterTraffic { counter.snapshot }

    /// Gives up: workers are told, and `run` throws `CoordinatorError.cancelled`.
    ///
    /// Cancelling the task of `run` instead cuts all connections without a word.
    package func cancel() {
        input.yield(.cancel)
    }

    /// Draws all images.
    ///
    /// - Parameters:
    ///   - requests: one per image; they are begun in this order.
    ///   - decoder: the VAE; `nil` leaves the latents as they are, and nothing is consumed.
    ///   - store: where results go before they count; `nil` forgets them with the process.
    ///   - resumed: what earlier lives of this run came to.
    ///   - onEvent: called in order on a thread of its own, where it may take its time; `run`
    ///     returns after the last call has.
    ///   - consume: called with one image at a time, in order of completion. While it is slow no
    ///     new image is given out. If it throws, the run ends with
    ///     `CoordinatorError.consumerFailed`.
    /// - Returns: what the run came to; look at its `failures`.
    /// - Throws: `CoordinatorError`; what was done nevertheless is in its `summary`.
    package func run(
        _ requests: [GenerationRequest], decoder: (any LatentDecoding)?,
        store: (any RunStoring)? = nil, resumed: ResumedRun = ResumedRun(),
        onEvent: @escaping @Sendable (CoordinatorEvent) -> Void = { _ in },
        consume: @escaping @Sendable (FinishedImage) async throws -> Void
    ) async throws(CoordinatorError) -> CoordinatorSummary {
        guard !workers.isEmpty else { throw .noWorkers }
        let begin = ContinuousClock.now
        let (dials, dialInput) = AsyncStream<Dial>.makeStream()
        let (pictures, pictureInput) = AsyncStream<DecodeStage.Output>.makeStream()
        let stage = decoder.map { decoder in
            DecodeStage(
                decoder: decoder, threadCount: configuration.decodeThreadCount
            ) { pictureInput.yield($0) }
        }
        let input = input
        let relay = EventRelay(onEvent)
        let storeStage = StoreStage(
            store: store,
            outputs: StoreStage.Outputs(emit: { input.yield($0) }, report: relay.send))
        let outputs = CoordinatorEngine.Outputs(
            dial: { dialInput.yield(($0, $1)) },
            store: { storeStage.submit($0, $1, worker: $2, kernelClass: $3) },
            forget: { storeStage.forget($0) },
            keep: { storeStage.keep($0, $1) },
            decode: { stored in
                guard let stage else {
                    pictureInput.yield(.undecoded(stored.image))
                    return
                }
                stage.submit(stored)
            },
            emit: { input.yield($0) }, report: { storeStage.submit($0) },
            end: {
                dialInput.finish()
                pictureInput.finish()
                input.finish()
            })
        var numbering = BatchNumbering(plantedBug: configuration.plantedBug)
        let batch = numbering.makeBatch(requests, resumed: resumed)
        let instance = resumed.instance ?? Self.makeInstance()
        var logger = logger
        logger[metadataKey: "job.id"] = "\(Hexadecimal.text(instance.prefix(8)))"
        let loop = group.next()
        let executor = EventLoopExecutor(loop)
        let engine = CoordinatorEngine(
            machine: machine(resumed, instance: instance), outputs: outputs,
            loop: loop, logger: logger)

        async let dialled: Void = withTaskExecutorPreference(executor) {
            await dial(dials, engine)
        }
        // Not on the event loop: it writes files.
        async let consumed = Self.consume(pictures, engine, consume)
        await withTaskExecutorPreference(executor) {
            await engine.handle(.submit(batch))
            await engine.handle(.start)
            for await event in events { await engine.handle(event) }
        }
        // The stream of events ends with the run, or with the task: then everything is cut.
        if Task.isCancelled { outputs.end() }
        let (decodeSeconds, consumerError) = await consumed
        // Not awaited: cut short as soon as all connections have closed by themselves.
        async let _: Void = Self.abandon(engine)
        await dialled
        await stage?.shutDown()
        let storeProblem = await storeStage.shutDown()
        await relay.finish()
        var summary = await engine.summary
        summary.failures.merge(resumed.failed) { $1 }
        summary.decodeSeconds = decodeSeconds
        summary.traffic = counter.snapshot
        summary.seconds = (ContinuousClock.now - begin).seconds
        if let consumerError { throw .consumerFailed(consumerError, summary) }
        if let storeProblem { throw .consumerFailed(StoreError(storeProblem), summary) }
        if Task.isCancelled { throw .cancelled(summary) }
        return try await engine.verdict(summary)
    }

    /// Dials and serves connections until the run has ended and all of them are closed.
    private func dial(_ dials: AsyncStream<Dial>, _ engine: CoordinatorEngine) async {
        let (counter, group, security, resolver) = (counter, group, security, resolver)
        let timeouts = configuration.timeouts
        await withDiscardingTaskGroup { connections in
            for await (id, address) in dials {
                connections.addTask {
                    await engine.serve(id) { attempt in
                        try await ClusterChannels.connect(
                            id: id.rawValue, host: address.host, port: address.port, security: security,
                            timeouts: timeouts, counter: counter, attempt: attempt,
                            resolver: resolver, group: group)
                    }
                }
            }
        }
    }

    /// Hands pictures on, one at a time.
    ///
    /// - Returns: seconds spent decoding, and what the consumer threw, after which the rest of the
    ///   pictures is dropped.
    private static func consume(
        _ pictures: AsyncStream<DecodeStage.Output>, _ engine: CoordinatorEngine,
        _ consumer: @Sendable (FinishedImage) async throws -> Void
    ) async -> (decodeSeconds: Double, error: (any Error)?) {
        var decodeSeconds = 0.0
        for await picture in pictures {
            switch picture {
            case .failure(let image, let reason, let isDecoderSound):
                await engine.handle(
                    .decodeFailed(item: image, reason: reason, isDecoderSound: isDecoderSound))
            case .undecoded(let image): await engine.consumed(image)
            case .image(let image):
                if image.workerDecodeClass == nil { decodeSeconds += image.decodeSeconds }
                do {
                    try await consumer(image)
                } catch {
                    await engine.handle(.cancel)
                    return (decodeSeconds, error)
                }
                await engine.consumed(ImageNumber(image.item))
            }
        }
        return (decodeSeconds, nil)
    }

    private static func abandon(_ engine: CoordinatorEngine) async {
        try? await Task.sleep(for: goodbyeTimeout)
        await engine.abandon()
    }

    /// A name that no other run has, 16 random bytes.
    package static func makeInstance() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private func machine(
        _ resumed: ResumedRun, instance: [UInt8]
    ) -> CoordinatorStateMachine {
        let node = NodeDescription(
            role: .coordinator, instance: instance, name: configuration.name,
            build: configuration.build,
            kernelClass: configuration.kernelClass, coreCount: configuration.coreCount,
            memoryByteCount: configuration.memoryByteCount, model: configuration.model, credits: 0)
        return CoordinatorStateMachine(
            node: node, configuration: configuration, workers: workers,
            mint: LeaseMint(
                key: resumed.leaseKey ?? LeaseMint.makeKey(), session: resumed.session))
    }
}
