// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
package import GenerationTypes
package import WireProtocol

/// All decisions of a coordinator: events in, actions out; no sockets, no threads, no clock.
///
/// Batches of images may be submitted at any time. Every image ends in exactly one way: delivered
/// once, failed with its reasons, or cancelled. An image has one live lease, two while a copy of
/// it is generated. A lease ends with its result, with the connection of its worker, or when its
/// steps stop.
package struct CoordinatorStateMachine {
    /// When nothing is left to do.
    package enum End: Sendable {
        /// When all images that were submitted are settled.
        case whenEmpty
        /// Not before it is drained or cancelled: workers are kept for the batches to come.
        case never
    }

    /// What happened.
    package enum Event: Sendable {
        case start
        /// More images to generate; once no batches are taken, each is reported as cancelled.
        case submit(ImageBatch)
        /// Images of a batch are not wanted any more, unless their results are stored already.
        case cancelBatch(ImageBatch.ID)
        /// Somebody wants to see what an image becomes; `nil`: nobody does any more.
        case watch(image: ImageNumber, interval: Duration?)
        /// An operator wants a worker to get no more images, or some again; by its name.
        case setAside(worker: String)
        case resume(worker: String)
        /// No batch follows: the end comes when all images are settled.
        case drain
        case connected(ConnectionID)
        /// `isFinal`: the worker will not accept this coordinator, now or later.
        case connectFailed(ConnectionID, reason: String, isFinal: Bool = false)
        case received(ConnectionID, Message)
        case malformed(ConnectionID, WireError)
        case disconnected(ConnectionID, reason: String)
        /// A result is where no crash can take it away.
        case stored(image: ImageNumber)
        /// A result can't be kept; the end comes at once, and what was stored before stays.
        case storeFailed(image: ImageNumber, reason: String)
        /// An image was decoded and its consumer is done with it.
        case consumed(image: ImageNumber)
        /// - Parameter isDecoderSound: whether the decoder makes a picture of other latents of that
        ///   size, so that these are to blame.
        case decodeFailed(image: ImageNumber, reason: String, isDecoderSound: Bool)
        /// The user cancelled: the coordinator ends at once.
        case cancel
        case tick
    }

    /// What to do about it, in this order.
    package enum Action: Sendable, Equatable {
        case connect(ConnectionID, WorkerAddress)
        case send(ConnectionID, Message)
        /// Close after what was sent has left.
        case finish(ConnectionID)
        /// Close at once.
        case abort(ConnectionID, reason: String)
        /// Put a result where no crash can take it away; `stored` or `storeFailed` follows.
        case store(ImageNumber, LatentResult, worker: String, kernelClass: String)
        /// Take back what was stored of an image: no picture can be made of it.
        case forget(image: ImageNumber)
        /// Keep a checkpoint beside it, for a later session; it replaces the image's last one and
        /// may be dropped with its outcome.
        case keep(image: ImageNumber, SamplingCheckpoint)
        /// Decode a result that is stored; `consumed` or `decodeFailed` follows.
        case decode(StoredLatents)
        case report(CoordinatorEvent)
        /// Nothing is left to do.
        case end
    }

    let node: NodeDescription
    let configuration: CoordinatorConfiguration
    var timeouts: ClusterTimeouts { configuration.timeouts }
    var tolerance: FaultTolerance { configuration.tolerance }
    private(set) var end: End
    /// Whether batches come and go, each image with its own outcome; otherwise what a cancelled run
    /// leaves is resumed by a later session.
    private let isKept: Bool
    var images: ImageTable
    var workers: WorkerTable
    /// Makes the leases, and knows them again.
    var mint: LeaseMint
    /// Seconds per step and unit of work of workers whose pace is not known yet.
    var usualUnitSeconds = 1.0
    /// When estimates are looked at again for the sake of idle workers.
    var tailCheck: Duration?
    /// The time of the last event.
    private(set) var lastNow = Duration.zero
    private var isDrained = false
    /// Whether nothing is left to do.
    package private(set) var hasEnded = false
    /// The user cancelled.
    package private(set) var wasCancelled = false
    /// Images failed because no worker was left.
    package private(set) var ranOutOfWorkers = false
    /// Why results could not be stored.
    package private(set) var storeFailure: String?
    var actions: [Action] = []

    /// A coordinator without images.
    ///
    /// - Parameters:
    ///   - node: what HELLO says; its instance id is that of all sessions of a run.
    ///   - workers: at least one.
    ///   - mint: makes the leases; with the key of the earlier sessions.
    package init(
        node: NodeDescription, configuration: CoordinatorConfiguration,
        workers: [WorkerAddress], mint: LeaseMint, end: End = .whenEmpty
    ) {
        self.node = node
        self.configuration = configuration
        self.end = end
        isKept = end == .never
        self.mint = mint
        images = ImageTable(rememberedCountMax: configuration.rememberedImageCount)
        self.workers = WorkerTable(workers, timeouts: configuration.timeouts)
    }

    /// Applies one event.
    ///
    /// - Parameter now: time since any fixed origin; never decreases.
    package mutating func handle(_ event: Event, now: Duration) -> [Action] {
        guard !hasEnded else {
            if case .submit(let batch) = event { return batch.refusals }
            return []
        }
        lastNow = now
        switch event {
        case .start:
            for worker in workers.numbers where isWorkExpected { connect(worker) }
        case .submit(let batch): submit(batch, now: now)
        case .cancelBatch(let batch): cancel(batch)
        case .watch(let image, let interval): watch(image, every: interval)
        case .setAside(let worker): setAside(worker)
        case .resume(let worker): resume(worker)
        case .drain: drain()
        case .connected(let id): withWorker(id) { $0.connected(id, $1, now: now) }
        case .connectFailed(let id, let reason, isFinal: true):
            withWorker(id) { $0.retire($1, reason: reason, now: now) }
            workers.end(id)
        case .connectFailed(let id, let reason, isFinal: false), .disconnected(let id, let reason):
            withWorker(id) { $0.lose($1, reason: reason, now: now) }
            workers.end(id)
        case .received(let id, let message):
            withWorker(id) { $0.received(message, from: $1, on: id, now: now) }
        case .malformed(let id, let error):
            withWorker(id) { $0.malformed(error, from: $1, on: id, now: now) }
        case .stored(let image): stored(image)
        case .storeFailed(_, let reason):
            storeFailure = reason
            cancelAll()
        case .consumed(let image): images.deliver(image)
        case .decodeFailed(let image, let reason, let isDecoderSound):
            decodeFailed(image, reason: reason, isDecoderSound: isDecoderSound, now: now)
        case .cancel: cancelAll()
        case .tick: tick(now: now)
        }
        settle(now: now)
        defer { actions = [] }
        return actions
    }

    /// When `tick` has something to do; `nil` for never.
    package var nextDeadline: Duration? {
        var next = tailCheck
        let timeouts = timeouts
        for worker in workers.numbers {
            guard let time = workers[worker].deadline(timeouts: timeouts) else { continue }
            next = min(next ?? time, time)
        }
        for image in images.queue.retries {
            let time = images[image].notBefore
            if time > lastNow { next = min(next ?? time, time) }
        }
        return next
    }

    /// Whether batches are still taken.
    package var takesBatches: Bool { !hasEnded && !isDrained && !wasCancelled }

    /// Whether workers are needed now, or may be later.
    var isWorkExpected: Bool { images.openCount > 0 || end == .never }

    private mutating func drain() {
        isDrained = true
        end = .whenEmpty
        // Until now they could be waited for as long as they were busy.
        for worker in workers.numbers where workers[worker].busySince != nil {
            workers[worker].busySince = lastNow
        }
    }

    private mutating func cancelAll() {
        wasCancelled = true
        end = .whenEmpty
        if has(.grantAfterCancel) { return }
        let cancelled = images.cancelAll()
        guard isKept, !has(.cancelInSilence) else { return }
        for image in cancelled { actions.append(.report(.cancelled(image: image))) }
    }

    private mutating func settle(now: Duration) {
        defer { dropSettled() }
        tailCheck = nil
        releaseDrained(now: now)
        reportDrains()
        failNotUnderstood(now: now)
        if images.openCount > 0, workers.areGone { failAllOpen() }
        if images.openCount > 0 {
            grant(now: now)
            return
        }
        guard end == .whenEmpty else { return }
        dismissWorkers()
        guard images.undecodedCount == 0 else { return }
        hasEnded = true
        actions.append(.end)
    }

    private mutating func failAllOpen() {
        for image in images.numbers
        where images[image].awaitsResult || images[image].isOpen && has(.failWhileStoring) {
            ranOutOfWorkers = true
            fail(image, .noWorkerLeft)
        }
    }

    private mutating func dropSettled() {
        guard images.lingeringCount > 0, !has(.rememberForever) else { return }
        images.dropSettled(except: workers.neededImages)
    }

    private mutating func withWorker(
        _ id: ConnectionID, _ body: (inout CoordinatorStateMachine, WorkerNumber) -> Void
    ) {
        // Events of connections that were closed already do not matter.
        guard let worker = workers.owner(of: id) else { return }
        body(&self, worker)
    }
}
