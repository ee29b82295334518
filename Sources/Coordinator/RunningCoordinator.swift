// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import NIOCore

/// A coordinator that has started, until it has ended.
///
/// Its threads and tasks, and what goes from one to the other:
///
///     submit, cancel, drain ─┐
///                            ▼ events
///     task "serve" ──► engine on the event loop: state machine; nothing in it waits
///     (connections)◄──┐  │         │            ▲
///              dials  └──┤         │ store,     │ stored, storeFailed
///                        │         ▼ report     │
///                        │    StoreStage: 8 writers, 1 committer ──► EventRelay: 1 thread, onEvent
///                        │ decode
///                        ▼
///                   DecodeStage: n threads ──► tasks "deliver": consume, then `consumed` ──► engine
package struct RunningCoordinator: Sendable {
    private typealias Outcome = Result<CoordinatorSummary, CoordinatorError>

    /// How long last messages may take to leave at the end.
    private static let goodbyeTimeout = Duration.seconds(2)

    private let task: Task<Outcome, Never>

    /// Starts the tasks.
    init(
        engine: CoordinatorEngine, events: AsyncStream<Coordinator.Event>,
        stages: CoordinatorStages, dialler: Dialler, executor: EventLoopExecutor,
        consumerCount: Int, consume: @escaping @Sendable (FinishedImage) async throws -> Void
    ) {
        task = Task {
            let begin = ContinuousClock.now
            async let served: Void = withTaskExecutorPreference(executor) {
                await dialler.serve(stages.dials, for: engine)
            }
            // Not on the event loop: it writes files.
            async let delivery = Self.deliver(
                stages.pictures, engine, consumerCount: consumerCount, consume)
            await withTaskExecutorPreference(executor) {
                for await event in events { await engine.handle(event) }
            }
            // The stream of events ends with the coordinator, or with the task: then everything is
            // cut.
            if Task.isCancelled { stages.end() }
            let (decodeSeconds, consumerError) = await delivery
            // Not awaited: cut short as soon as all connections have closed by themselves.
            async let _: Void = Self.abandon(engine)
            await served
            let storeProblem = await stages.shutDown()
            var summary = await engine.summary
            summary.decodeSeconds = decodeSeconds
            summary.traffic = dialler.traffic
            summary.seconds = (ContinuousClock.now - begin).seconds
            if let consumerError { return .failure(.consumerFailed(consumerError, summary)) }
            if let storeProblem { return .failure(.consumerFailed(storeProblem, summary)) }
            if Task.isCancelled { return .failure(.cancelled(summary)) }
            return await engine.verdict(summary)
        }
    }

    /// Waits for the end.
    ///
    /// When the waiting task is cancelled, all connections are closed without GOODBYE.
    ///
    /// - Returns: what was done; failed images only of a coordinator that ends when it is empty.
    /// - Throws: `CoordinatorError`.
    package func wait() async throws(CoordinatorError) -> CoordinatorSummary {
        let outcome = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        return try outcome.get()
    }

    /// Hands pictures to the consumer.
    ///
    /// - Parameter consumerCount: how many at once, at most.
    /// - Returns: seconds spent decoding, and what the consumer threw, after which the rest of the
    ///   pictures is dropped.
    private static func deliver(
        _ pictures: AsyncStream<DecodeStage.Output>, _ engine: CoordinatorEngine,
        consumerCount: Int, _ consume: @escaping @Sendable (FinishedImage) async throws -> Void
    ) async -> (decodeSeconds: Double, error: (any Error)?) {
        var decodeSeconds = 0.0
        do {
            try await withThrowingTaskGroup(of: Void.self) { consumers in
                var count = 0
                for await picture in pictures {
                    switch picture {
                    case .failure(let image, let reason, let isDecoderSound):
                        await engine.handle(
                            .decodeFailed(
                                image: image, reason: reason, isDecoderSound: isDecoderSound))
                    case .undecoded(let image): await engine.consumed(image)
                    case .image(let image):
                        if image.workerDecodeClass == nil { decodeSeconds += image.decodeSeconds }
                        if count == consumerCount {
                            try await consumers.next()
                        } else {
                            count += 1
                        }
                        consumers.addTask { try await deliver(image, engine, consume) }
                    }
                }
                try await consumers.waitForAll()
            }
            return (decodeSeconds, nil)
        } catch {
            return (decodeSeconds, error)
        }
    }

    private static func deliver(
        _ image: FinishedImage, _ engine: CoordinatorEngine,
        _ consume: @Sendable (FinishedImage) async throws -> Void
    ) async throws {
        do {
            try await consume(image)
        } catch {
            // At once, though nobody may wait for this one yet.
            await engine.handle(.cancel)
            throw error
        }
        await engine.consumed(image.result.image)
    }

    private static func abandon(_ engine: CoordinatorEngine) async {
        try? await Task.sleep(for: goodbyeTimeout)
        await engine.abandon()
    }
}
