// SPDX-License-Identifier: Apache-2.0

package import Coordinator
import FoundationEssentials
import GenerationTypes
package import Logging
import NIOPosix
import ProcessSupport
import Requests
package import Runs
import ServiceAPI
package import ServiceLedger
import Synchronization

/// A service: a ledger that decides, a store that remembers, a coordinator that generates.
///
/// Everything that happens goes through `apply`, one event at a time; nothing in there waits.
/// Commits and offers leave in the order in which they were decided.
package final class ImageService: Sendable {
    /// Looks at the disk of a store.
    package typealias FreeByteCount =
        @Sendable (ServiceStore) throws(ServiceStateError) -> Int

    /// Pictures that are written at once, at most.
    package static let writerCount = 8

    struct State {
        var ledger: Ledger
        var hub = EventHub()
        var fleet: FleetStatus
        /// Who waits for an answer.
        var waiting: [Ticket: CheckedContinuation<LedgerAnswer, Never>] = [:]
        var ticketCount = 0
        /// Checkpoints of the session before, of images that were not offered again yet.
        var checkpoints: [ImageNumber: SamplingCheckpoint] = [:]
        var previews = PreviewDesk()
        /// Why the service ends.
        var failure: ServiceStateError?
        var commitSeconds = Histogram.seconds
        var acceptSeconds = Histogram.seconds
        var finishedCount = 0
        var failedCount = 0
    }

    let store: ServiceStore
    let clock: WallClock
    let served: ServedModel
    /// Which batches are which model's.
    let models: ModelHistory
    let coordinator: Coordinator
    let logger: Logger
    let limits: LedgerLimits
    /// Threads for short reads of the disk, and for what a client sent.
    let readers: NIOThreadPool
    /// Threads that write pictures: a synchronisation takes milliseconds, of which the processor
    /// sleeps most.
    let writers: NIOThreadPool
    /// Threads for what takes a picture's pixels: thumbnails and sheets.
    let painters: NIOThreadPool
    let painter: PreviewPainter
    /// Nothing is accepted, and no image begins, while less than this is free on the disk, in bytes.
    let freeByteCountMin: Int
    /// Room on the disk of a store, in bytes.
    let freeByteCount: FreeByteCount
    let state: Mutex<State>
    private let onFailure: @Sendable () -> Void

    /// Joins the parts of a service; the coordinator is not started yet.
    ///
    /// - Parameters:
    ///   - latentChannels: of the model.
    ///   - workers: their names, as they are reported.
    ///   - freeByteCountMin: nothing is accepted, and no image begins, while less than this is free
    ///     on the disk.
    ///   - freeByteCount: how much is free there.
    ///   - onFailure: called once when nothing can be written any more, on any thread.
    /// - Throws: `ServiceStateError`.
    package init(
        store: ServiceStore, model: ServedModel, latentChannels: Int, coordinator: Coordinator,
        workers: [String], limits: LedgerLimits, clock: WallClock,
        freeByteCountMin: Int = 1 << 30,
        freeByteCount: @escaping FreeByteCount = { store throws(ServiceStateError) in
            try store.freeByteCount
        }, logger: Logger,
        onFailure: @escaping @Sendable () -> Void
    ) throws(ServiceStateError) {
        self.store = store
        self.clock = clock
        served = model
        models = try store.modelHistory(current: model.record.name)
        self.coordinator = coordinator
        self.freeByteCountMin = freeByteCountMin
        self.freeByteCount = freeByteCount
        self.logger = logger
        self.limits = limits
        self.onFailure = onFailure
        painter = PreviewPainter(
            directory: store.directory, vae: model.record.vaeSHA256,
            channels: latentChannels, logger: logger)
        readers = NIOThreadPool(numberOfThreads: 4)
        writers = NIOThreadPool(numberOfThreads: Self.writerCount)
        painters = NIOThreadPool(numberOfThreads: 2)
        var state = State(
            ledger: Ledger(try store.storedLedger(), limits: limits),
            fleet: FleetStatus(workers))
        state.checkpoints = try store.checkpoints()
        self.state = Mutex(state)
        readers.start()
        writers.start()
        painters.start()
    }

    /// Offers what waits to the workers.
    package func begin() {
        noteRoom()
        apply(.tick)
        apply(.workers(state.withLock(\.fleet.usableCount)))
    }

    /// Lets time pass: to be called every few seconds.
    package func tick() {
        noteRoom()
        apply(.tick)
        state.withLock { $0.hub.wakeAll() }
        endUnwatchedPreviews()
    }

    /// Ends the streams, and the requests that wait, of callers whose keys were revoked: to be called
    /// every second.
    package func endRevoked() async {
        let watching = state.withLock { $0.hub.callers }.filter(StoredKey.isHolder)
        guard !watching.isEmpty else { return }
        // What can't be read now is read the next time.
        let holders = try? await read { [store] () throws(ServiceStateError) in
            try store.keyHolders()
        }
        guard let holders else { return }
        for caller in watching.subtracting(holders) {
            logger.info("a key was revoked", metadata: ["caller": "\(caller)"])
            state.withLock { $0.hub.end(caller) }
        }
    }

    /// Accepts nothing more, and ends all streams.
    package func drain() {
        apply(.drain)
        state.withLock { $0.hub.endAll() }
    }

    /// Ends the threads.
    package func shutDown() async {
        try? await writers.shutdownGracefully()
        try? await painters.shutdownGracefully()
        try? await readers.shutdownGracefully()
    }

    /// Why nothing can be written any more; `nil` if it can.
    package var failure: ServiceStateError? { state.withLock(\.failure) }

    /// Applies an event to the ledger, and does what it decides.
    func apply(_ event: LedgerEvent) {
        state.withLock { state in
            for action in state.ledger.handle(event, now: now) { perform(action, &state) }
        }
    }

    /// Asks the ledger, and waits for its answer.
    func ask(_ event: (Ticket) -> LedgerEvent) async -> LedgerAnswer {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                guard state.failure == nil else {
                    return continuation.resume(returning: .refused(.draining))
                }
                state.ticketCount += 1
                let ticket = Ticket(state.ticketCount)
                state.waiting[ticket] = continuation
                for action in state.ledger.handle(event(ticket), now: now) {
                    perform(action, &state)
                }
            }
        }
    }

    /// Seconds since 1970.
    var now: Double { clock.now().timeIntervalSince1970 }

    private func perform(_ action: LedgerAction, _ state: inout State) {
        switch action {
        case .commit(let number, let changes): commit(number, changes)
        case .answer(let ticket, let answer):
            state.waiting.removeValue(forKey: ticket)?.resume(returning: answer)
        case .offer(let image):
            coordinator.submit(
                ImageBatch(
                    id: ImageBatch.ID(image.firstImage.rawValue),
                    images: [
                        ImageBatch.Image(
                            number: image.number, request: image.request,
                            checkpoint: state.checkpoints.removeValue(forKey: image.number))
                    ]))
        case .withdraw(let batch): coordinator.cancel(ImageBatch.ID(batch.firstImage.rawValue))
        case .removeFiles(let id):
            readers.submit { [store, logger] _ in
                do {
                    try store.removeFiles(of: id)
                } catch {
                    logger.warning(
                        "files stay", metadata: ["batch": "\(id)", "reason": "\(error)"])
                }
            }
        case .report(let report): publish(report, state)
        }
    }

    private func commit(_ number: CommitNumber, _ changes: [LedgerChange]) {
        let clock = ContinuousClock()
        let begin = clock.now
        store.commit(changes) { [self] error in
            if let error {
                fail(error)
            } else {
                state.withLock { $0.commitSeconds.add((clock.now - begin).seconds) }
                apply(.committed(number))
            }
        }
    }

    /// Nothing is accepted any more: what is on the disk is not known.
    func fail(_ error: ServiceStateError) {
        let isFirst = state.withLock { state in
            defer { state.failure = state.failure ?? error }
            // Nobody knows whether it is on the disk; clients may ask again.
            for continuation in state.waiting.values {
                continuation.resume(returning: .refused(.draining))
            }
            state.waiting = [:]
            return state.failure == nil
        }
        if isFirst {
            logger.critical("the state can't be written", metadata: ["reason": "\(error)"])
            onFailure()
        }
    }

    private func publish(_ report: LedgerReport, _ state: State) {
        let (id, change): (BatchID, EventQueue.Change) =
            switch report {
            case .batch(let id): (id, .batch(id))
            case .image(let id, let index): (id, .image(id, index: index))
            case .progress(let id, let index, step: _): (id, .progress(id, index: index))
            case .erased(let id): (id, .deleted(id))
            }
        guard let owner = state.ledger.owner(of: id) else { return }
        state.hub.publish(change, of: id, owner: owner)
    }
}
