// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import NIOPosix
import Synchronization
import WireProtocol

/// Puts results and failures on the disk before anybody hears of them, many at a time.
///
/// Files are written and synchronised on several threads; then everything that waits is booked in
/// one transaction, so that hundreds of results per second cost one synchronisation of the account.
/// Without a store everything is passed on at once.
struct StoreStage: Sendable {
    /// Who hears what when it is on the disk.
    struct Outputs: Sendable {
        var emit: @Sendable (CoordinatorStateMachine.Event) -> Void
        var report: @Sendable (CoordinatorEvent) -> Void
    }

    fileprivate enum Input: Sendable {
        /// Its latents are written.
        case result(ResultEntry)
        case broken(item: Int, reason: String)
        /// What was stored of an image is worth nothing.
        case forgotten(item: Int)
        case event(CoordinatorEvent)
    }

    private struct Queue {
        var inputs: [Input] = []
        var isScheduled = false
        /// The newest checkpoints that wait for the disk, by image.
        var checkpoints: [Int: SamplingCheckpoint] = [:]
        /// Why something could not be put on the disk; nothing is tried after that.
        var problem: String?
    }

    /// A synchronisation takes a millisecond or more, of which the processor sleeps most.
    private static let writerCount = 8

    private let store: (any RunStoring)?
    private let outputs: Outputs
    private let writers: NIOThreadPool
    private let committer = NIOThreadPool(numberOfThreads: 1)
    private let queue = Box(Queue())

    private final class Box: Sendable {
        let value: Mutex<Queue>
        init(_ queue: Queue) { value = Mutex(queue) }
    }

    init(store: (any RunStoring)?, outputs: Outputs) {
        self.store = store
        self.outputs = outputs
        writers = NIOThreadPool(numberOfThreads: store == nil ? 1 : Self.writerCount)
        writers.start()
        committer.start()
    }

    /// Stores a result; `stored` or `storeFailed` follows.
    func submit(
        _ image: ImageNumber, _ result: LatentResult, worker: String, kernelClass: String
    ) {
        guard let store else { return outputs.emit(.stored(item: image)) }
        let item = image.rawValue
        writers.submit { [self] state in
            guard state == .active else { return }
            do {
                try store.write(result.latents, sha256: result.sha256)
                enqueue(
                    .result(
                        ResultEntry(
                            item: item, worker: worker, kernelClass: kernelClass,
                            attempt: result.lease.attempt, resumedStep: result.resumedStep,
                            timings: result.timings,
                            tokenMerging: result.tokenMerging, latents: result.latents,
                            sha256: result.sha256)))
            } catch {
                enqueue(.broken(item: item, reason: "\(error)"))
            }
        }
    }

    /// Takes back what was stored of an image.
    func forget(_ image: ImageNumber) {
        if store != nil { enqueue(.forgotten(item: image.rawValue)) }
    }

    /// Keeps a checkpoint; one that can't be kept costs nothing but steps.
    ///
    /// It takes the place of one of the same image that still waits: a slow disk holds up steps, not
    /// memory.
    func keep(_ image: ImageNumber, _ checkpoint: SamplingCheckpoint) {
        guard let store else { return }
        let item = image.rawValue
        let waits = queue.value.withLock {
            $0.checkpoints.updateValue(checkpoint, forKey: item) != nil
        }
        guard !waits else { return }
        committer.submit { [queue] state in
            let newest = queue.value.withLock { $0.checkpoints.removeValue(forKey: item) }
            guard state == .active, let newest else { return }
            try? store.keep(newest, of: item)
        }
    }

    /// Passes an event on, in order, when what it says is on the disk.
    func submit(_ event: CoordinatorEvent) {
        guard store != nil else { return outputs.report(event) }
        enqueue(.event(event))
    }

    /// Waits until everything is on the disk and passed on; ends the threads.
    ///
    /// - Returns: why something could not be put there, if that happened.
    func shutDown() async -> String? {
        // The only error is that they were shut down before. What writers queue comes first.
        try? await writers.shutdownGracefully()
        await withCheckedContinuation { continuation in
            committer.submit { _ in continuation.resume() }
        }
        try? await committer.shutdownGracefully()
        return queue.value.withLock(\.problem)
    }

    private func enqueue(_ input: Input) {
        let isFirst = queue.value.withLock { queue in
            queue.inputs.append(input)
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if isFirst { committer.submit { [self] _ in drain() } }
    }

    private func drain() {
        let (inputs, problem) = queue.value.withLock { queue in
            defer { (queue.inputs, queue.isScheduled) = ([], false) }
            return (queue.inputs, queue.problem)
        }
        let entries = inputs.flatMap(\.entries)
        if let problem = problem ?? commit(entries) {
            queue.value.withLock { $0.problem = problem }
            for item in Set(entries.map(\.item)).sorted() {
                outputs.emit(.storeFailed(item: ImageNumber(item), reason: problem))
            }
            return
        }
        for input in inputs {
            switch input {
            case .result(let entry): outputs.emit(.stored(item: ImageNumber(entry.item)))
            case .broken(let item, let reason):
                outputs.emit(.storeFailed(item: ImageNumber(item), reason: reason))
            case .event(let event): outputs.report(event)
            case .forgotten: break
            }
        }
    }

    /// An error of the disk is never tried again: what it left there is not known.
    ///
    /// - Returns: what went wrong.
    private func commit(_ entries: [RunEntry]) -> String? {
        guard !entries.isEmpty else { return nil }
        do {
            try store?.commit(entries)
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension StoreStage.Input {
    /// What has to be on the disk before this is passed on.
    fileprivate var entries: [RunEntry] {
        switch self {
        case .result(let entry): [.result(entry)]
        case .forgotten(let item): [.forgotten(item: item)]
        case .event(.retried(let item, let failure)):
            [.failure(item: item, failure, isFinal: false)]
        // Earlier failures of the image were booked when they happened.
        case .event(.failed(let item, let failures)):
            failures.last.map { failure in
                failure == .noWorkerLeft ? [] : [.failure(item: item, failure, isFinal: true)]
            } ?? []
        case .event, .broken: []
        }
    }
}

extension RunEntry {
    /// The image it is about.
    fileprivate var item: Int {
        switch self {
        case .result(let entry): entry.item
        case .failure(let item, _, _), .forgotten(let item): item
        }
    }
}
