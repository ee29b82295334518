// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes
package import Logging
package import NIOCore
import Synchronization
import WireProtocol

/// Gives images to workers, decodes what comes back and delivers it.
///
/// One value is started once: by `run` for one batch of images, or by `start` for batches that are
/// submitted and cancelled at any time until it is drained.
package final class Coordinator: Sendable {
    typealias Event = CoordinatorStateMachine.Event

    private let configuration: CoordinatorConfiguration
    private let workers: [WorkerAddress]
    private let security: ClusterSecurity
    private let resolver: NameResolver
    private let group: any EventLoopGroup
    private let logger: Logger
    private let events: AsyncStream<Event>
    private let input: AsyncStream<Event>.Continuation
    private let door: Mutex<Door>
    private let counter = TrafficCounter()
    private let isStarted = Mutex(false)

    /// Decides in one place which batches are taken and which come too late.
    private struct Door {
        var numbering: BatchNumbering
        var isOpen = true
    }

    /// Names the workers; nothing is connected yet.
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
        door = Mutex(Door(numbering: BatchNumbering(plantedBug: configuration.plantedBug)))
        (events, input) = AsyncStream.makeStream()
    }

    /// Bytes on all connections so far.
    package var traffic: ByteCounts { counter.snapshot }

    /// Submits images, also before `start`.
    ///
    /// The outcome of each is an event: `completed` (its picture goes to the consumer next),
    /// `failed` or `cancelled`. The latter is also the answer to a batch that was taken just before
    /// the coordinator ended by itself. Images without an event when `wait` returns are not
    /// generated.
    ///
    /// - Parameters:
    ///   - requests: one per image; they are begun in this order, after those submitted before.
    ///   - resumed: images with an outcome of an earlier session, which are left out.
    /// - Returns: the numbers of the images.
    /// - Throws: `CoordinatorClosedError` after `drain`, `cancel` or the end; nothing is generated
    ///   then, and no event follows.
    @discardableResult package func submit(
        _ requests: [GenerationRequest], resumed: ResumedRun = ResumedRun()
    ) throws(CoordinatorClosedError) -> ImageBatch {
        // Under the lock, so that batches arrive in the order of their numbers.
        try door.withLock { door throws(CoordinatorClosedError) in
            guard door.isOpen else { throw CoordinatorClosedError() }
            let batch = door.numbering.makeBatch(requests, resumed: resumed)
            if case .terminated = input.yield(.submit(batch)) { throw CoordinatorClosedError() }
            return batch
        }
    }

    /// Submits images that are numbered already, by a service whose images keep their numbers when
    /// it starts again; not to be mixed with the other `submit`.
    ///
    /// Several batches of one name are one batch.
    ///
    /// - Precondition: no number is one of an image that has no outcome.
    package func submit(_ batch: ImageBatch) {
        input.yield(.submit(batch))
    }

    /// Cancels the images of a batch whose results are not stored yet; the others are delivered.
    package func cancel(_ batch: ImageBatch.ID) {
        input.yield(.cancelBatch(batch))
    }

    /// Asks for previews of an image while it is sampled, at most one per interval, whichever worker
    /// has it; `nil` for no more.
    ///
    /// Workers of an older protocol send none. Images that are settled are watched no longer.
    package func watch(_ image: ImageNumber, every interval: Duration?) {
        input.yield(.watch(image: image, interval: interval))
    }

    /// Gives a worker no more images, or some again, also when it connects anew; what it samples it
    /// finishes.
    ///
    /// Events tell what it is doing. Without a worker of this name nothing happens.
    package func setAside(_ isSetAside: Bool, worker: String) {
        input.yield(isSetAside ? .setAside(worker: worker) : .resume(worker: worker))
    }

    /// Takes no more batches: the coordinator ends when all images are settled.
    package func drain() { close(.drain) }

    /// Cancels everything: workers are sent GOODBYE, and `wait` and `run` throw
    /// `CoordinatorError.cancelled`.
    ///
    /// Cancelling the task of `wait` or `run` instead closes all connections without GOODBYE.
    package func cancel() { close(.cancel) }

    /// Under the lock too: a batch arrives before it or is refused.
    private func close(_ event: Event) {
        door.withLock { door in
            door.isOpen = false
            input.yield(event)
        }
    }

    /// Generates one batch of images: `submit`, `start` and `wait`.
    ///
    /// - Parameters:
    ///   - requests: one per image; they are begun in this order.
    ///   - decoder: the VAE; `nil` leaves the latents as they are, and nothing is consumed.
    ///   - store: where results go before they count; `nil` forgets them with the process.
    ///   - resumed: what earlier sessions of this run left behind.
    ///   - onEvent: called in order on a thread of its own, where it may take its time; `run`
    ///     returns after the last call has.
    ///   - consume: called with `consumerCount` images at a time, at most, in order of completion.
    ///     While it is slow no new image is leased. If it throws, the run ends with `CoordinatorError.consumerFailed`.
    /// - Returns: the summary of the run; look at its `failures`.
    /// - Throws: `CoordinatorError`; what was done nevertheless is in its `summary`.
    package func run(
        _ requests: [GenerationRequest], decoder: (any LatentDecoding)?,
        store: (any RunStoring)? = nil, resumed: ResumedRun = ResumedRun(),
        onEvent: @escaping @Sendable (CoordinatorEvent) -> Void = { _ in },
        consume: @escaping @Sendable (FinishedImage) async throws -> Void
    ) async throws(CoordinatorError) -> CoordinatorSummary {
        // Refused only after `cancel`, with which the run ends before it begins.
        _ = try? submit(requests, resumed: resumed)
        let running = try start(
            end: .whenEmpty, decoder: decoder, store: store, resumed: resumed, onEvent: onEvent,
            consume: consume)
        return try await running.wait()
    }

    /// Starts to connect to the workers and to generate what is submitted.
    ///
    /// - Parameters:
    ///   - end: `never` for a coordinator that is kept between batches; it ends when it is drained
    ///     or cancelled.
    ///   - resumed: the session, its lease key and instance; which images have an outcome is
    ///     `submit`'s concern.
    ///   - decoder, store, onEvent, consume: as for `run`.
    /// - Returns: the running coordinator; `wait` must be called.
    /// - Throws: `CoordinatorError.noWorkers`.
    package func start(
        end: CoordinatorStateMachine.End, decoder: (any LatentDecoding)?,
        store: (any RunStoring)? = nil, resumed: ResumedRun = ResumedRun(),
        onEvent: @escaping @Sendable (CoordinatorEvent) -> Void = { _ in },
        consume: @escaping @Sendable (FinishedImage) async throws -> Void
    ) throws(CoordinatorError) -> RunningCoordinator {
        guard !workers.isEmpty else { throw .noWorkers }
        let wasStarted = isStarted.withLock { isStarted in
            defer { isStarted = true }
            return isStarted
        }
        precondition(!wasStarted, "a coordinator is started once")
        let instance = resumed.instance ?? Self.makeInstance()
        var logger = logger
        logger[metadataKey: "job.id"] = "\(Hexadecimal.text(instance.prefix(8)))"
        let stages = CoordinatorStages(
            input: input, decoder: decoder, decodeThreadCount: configuration.decodeThreadCount,
            store: store, onEvent: onEvent)
        let loop = group.next()
        let engine = CoordinatorEngine(
            machine: machine(resumed, instance: instance, end: end), stages: stages, loop: loop,
            // A run's summary names its failed images; a coordinator that is kept only reports
            // them.
            failures: end == .whenEmpty ? resumed.failed : nil, logger: logger)
        let dialler = Dialler(
            security: security, timeouts: configuration.timeouts, counter: counter,
            resolver: resolver, group: group)
        input.yield(.start)
        return RunningCoordinator(
            engine: engine, events: events, stages: stages, dialler: dialler,
            executor: EventLoopExecutor(loop), consumerCount: configuration.consumerCount,
            consume: consume)
    }

    /// A name that no other run has, 16 random bytes.
    package static func makeInstance() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private func machine(
        _ resumed: ResumedRun, instance: [UInt8], end: CoordinatorStateMachine.End
    ) -> CoordinatorStateMachine {
        let node = NodeDescription(
            role: .coordinator, instance: instance, name: configuration.name,
            build: configuration.build,
            kernelClass: configuration.kernelClass, coreCount: configuration.coreCount,
            memoryByteCount: configuration.memoryByteCount, model: configuration.model, credits: 0)
        return CoordinatorStateMachine(
            node: node, configuration: configuration, workers: workers,
            mint: LeaseMint(
                key: resumed.leaseKey ?? LeaseMint.makeKey(), session: resumed.session),
            end: end)
    }
}
