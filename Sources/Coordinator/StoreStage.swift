// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import NIOPosix
import Synchronization
import WireProtocol

/// Makes results and failures durable before they are reported, many at a time.
///
/// Files are written and synchronised on several threads; then everything that waits is stored in
/// one transaction, so that hundreds of results per second cost one synchronisation of the
/// database. Without a store everything is passed on at once.
struct StoreStage: Sendable {
    /// Where events go once they are on the disk.
    struct Outputs: Sendable {
        var emit: @Sendable (CoordinatorStateMachine.Event) -> Void
        var report: @Sendable (CoordinatorEvent) -> Void
    }

    fileprivate enum Input: Sendable {
        /// Its latents are written.
        case result(ImageResult)
        /// Its latents could not be written.
        case unwritten(ImageNumber, reason: String)
        /// The stored result of an image is unusable.
        case forgotten(ImageNumber)
        case event(CoordinatorEvent)
    }

    private struct Queue {
        var inputs: [Input] = []
        var isScheduled = false
        /// The newest checkpoints that wait for the disk, by image.
        var checkpoints: [ImageNumber: SamplingCheckpoint] = [:]
        /// Why a commit failed; nothing is committed after that.
        var commitProblem: (any Error)?
        /// Why latents could not be written.
        var writeProblem: (any Error)?
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
        guard let store else { return outputs.emit(.stored(image: image)) }
        writers.submit { [self] state in
            guard state == .active else { return }
            do {
                try store.write(result.latents, sha256: result.sha256)
                enqueue(
                    .result(
                        result.imageResult(of: image, worker: worker, kernelClass: kernelClass)))
            } catch {
                queue.value.withLock { $0.writeProblem = $0.writeProblem ?? error }
                enqueue(.unwritten(image, reason: "\(error)"))
            }
        }
    }

    /// Takes back the stored result of an image.
    func forget(_ image: ImageNumber) {
        if store != nil { enqueue(.forgotten(image)) }
    }

    /// Keeps a checkpoint; one that can't be kept costs nothing but steps.
    ///
    /// It takes the place of one of the same image that still waits: a slow disk holds up steps,
    /// not memory.
    func keep(_ image: ImageNumber, _ checkpoint: SamplingCheckpoint) {
        guard let store else { return }
        let waits = queue.value.withLock {
            $0.checkpoints.updateValue(checkpoint, forKey: image) != nil
        }
        guard !waits else { return }
        committer.submit { [queue] state in
            let newest = queue.value.withLock { $0.checkpoints.removeValue(forKey: image) }
            guard state == .active, let newest else { return }
            try? store.keep(newest, of: image)
        }
    }

    /// Passes an event on, in order, when what it says is on the disk.
    func submit(_ event: CoordinatorEvent) {
        guard store != nil else { return outputs.report(event) }
        enqueue(.event(event))
    }

    /// Waits until everything is on the disk and passed on; ends the threads.
    ///
    /// - Returns: the store's own error, if something could not be stored.
    func shutDown() async -> (any Error)? {
        // The only error is that they were shut down before. What writers queue comes first.
        try? await writers.shutdownGracefully()
        await withCheckedContinuation { continuation in
            committer.submit { _ in continuation.resume() }
        }
        try? await committer.shutdownGracefully()
        return queue.value.withLock { $0.commitProblem ?? $0.writeProblem }
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
            return (queue.inputs, queue.commitProblem)
        }
        let entries = inputs.flatMap(\.entries)
        if let problem = problem ?? commit(entries) {
            queue.value.withLock { $0.commitProblem = problem }
            for image in Set(entries.map(\.image)).sorted() {
                outputs.emit(.storeFailed(image: image, reason: "\(problem)"))
            }
            // What does not depend on the disk is true nevertheless.
            for case .event(let event) in inputs where event.entries.isEmpty {
                outputs.report(event)
            }
            return
        }
        for input in inputs {
            switch input {
            case .result(let result): outputs.emit(.stored(image: result.image))
            case .unwritten(let image, let reason):
                outputs.emit(.storeFailed(image: image, reason: reason))
            case .event(let event): outputs.report(event)
            case .forgotten: break
            }
        }
    }

    /// A disk error is never retried: what it left on the disk is not known.
    ///
    /// - Returns: what went wrong.
    private func commit(_ entries: [RunEntry]) -> (any Error)? {
        guard !entries.isEmpty else { return nil }
        do {
            try store?.commit(entries)
            return nil
        } catch {
            return error
        }
    }
}

extension StoreStage.Input {
    /// What has to be on the disk before this is passed on.
    fileprivate var entries: [RunEntry] {
        switch self {
        case .result(let result): [.result(result)]
        case .forgotten(let image): [.forgotten(image)]
        case .event(let event): event.entries
        case .unwritten: []
        }
    }
}

extension CoordinatorEvent {
    /// What has to be on the disk before this is reported.
    fileprivate var entries: [RunEntry] {
        switch self {
        case .retried(let image, let failure):
            [.failure(image, failure, isFinal: false)]
        // Earlier failures of the image were stored when they happened.
        case .failed(let image, let failures):
            failures.last.map { failure in
                failure == .noWorkerLeft
                    ? [] : [.failure(image, failure, isFinal: true)]
            } ?? []
        default: []
        }
    }
}
