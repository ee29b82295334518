// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
package import Coordinator
import GenerationTypes
package import Logging
import NIOCore
import NIOPosix
import ProcessSupport
import Requests
package import Runs
package import TensorKit

/// One session of a run on the cluster: finds or starts workers, samples images, writes files.
package struct ClusterRun: Sendable {
    /// How a session works, besides what the run itself settles.
    package struct Configuration: Sendable {
        /// How often workers save their images.
        package var checkpoints: CheckpointPolicy
        /// How this process decodes.
        package var decoding: ComputeConfiguration
        /// Who decodes.
        package var decodePlace: DecodePlace

        /// Describes how a session works.
        package init(
            checkpoints: CheckpointPolicy, decoding: ComputeConfiguration, decodePlace: DecodePlace
        ) {
            self.checkpoints = checkpoints
            self.decoding = decoding
            self.decodePlace = decodePlace
        }
    }

    private let job: RunJob
    private let pool: WorkerPool
    private let configuration: Configuration
    private let stop: any RunStopping
    private let metrics: RunMetrics
    private let logger: Logger
    private let report: @Sendable (RunEvent) -> Void

    /// Joins a run with its workers.
    ///
    /// - Parameters:
    ///   - stop: asks the session to end gracefully.
    ///   - metrics: follow the session.
    ///   - report: receives what happens, on any thread.
    package init(
        _ job: RunJob, pool: WorkerPool, configuration: Configuration, stop: any RunStopping,
        metrics: RunMetrics, logger: Logger, report: @escaping @Sendable (RunEvent) -> Void
    ) {
        self.job = job
        self.pool = pool
        self.configuration = configuration
        self.stop = stop
        self.metrics = metrics
        self.logger = logger
        self.report = report
    }

    private var decodes: Bool { configuration.decodePlace != DecodePlace.none }

    /// Performs the session and writes the run's files, however it ends.
    ///
    /// - Throws: what makes the run impossible; otherwise the outcome is in the result.
    package func perform() async throws -> RunOutcome {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            job.announce(to: report)
            let outcome = try await prepareAndSample(group)
            try? await group.shutdownGracefully()
            return outcome
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Reads the model while workers of this machine read it too.
    private func prepareAndSample(
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> RunOutcome {
        let preparing = Task {
            try await PreparedModel(job.model.source, decoding: configuration.decoding)
        }
        guard job.hasOpenImages else {
            let prepared = try await preparing.value
            let session = try begin(with: prepared)
            return try await finish(session, prepared, CoordinatorSummary(of: session.history))
        }
        do {
            return try await pool.withWorkers(
                on: group, onExit: { [report] in report(.warning($0)) }
            ) { workers, security in
                let prepared = try await preparing.value
                let session = try begin(with: prepared)
                let coordinator = Coordinator(
                    configuration: coordinatorConfiguration(prepared), workers: workers,
                    security: security, group: group, logger: logger)
                return try await sample(with: coordinator, prepared, session)
            }
        } catch {
            // Where the model itself is at fault, that says more than why its workers ended.
            _ = try await preparing.value
            throw error
        }
    }

    private func begin(with prepared: PreparedModel) throws -> RunSession {
        try job.begin(with: prepared, decodes: decodes, report: report)
    }

    private func coordinatorConfiguration(_ prepared: PreparedModel) -> CoordinatorConfiguration {
        var configuration = CoordinatorConfiguration(
            for: prepared, checkpoints: self.configuration.checkpoints,
            wantsPictures: self.configuration.decodePlace == .workers)
        pool.adapt(&configuration.tolerance)
        return configuration
    }

    private func sample(
        with coordinator: Coordinator, _ prepared: PreparedModel, _ session: RunSession
    ) async throws -> RunOutcome {
        metrics.count { coordinator.traffic }
        stop.onRequest { coordinator.cancel() }
        do {
            let summary = try await coordinator.run(
                job.plan.requests, decoder: decodes ? prepared.decoder : nil, store: session,
                resumed: try session.resumed,
                onEvent: { [metrics, report] event in
                    metrics.note(event)
                    session.note(event)
                    for shown in RunEvent.events(for: event) { report(shown) }
                },
                consume: { [metrics] finished in
                    metrics.note(finished)
                    try await DedicatedThread.run(named: "write") { try session.write(finished) }
                })
            return try await finish(session, prepared, summary)
        } catch let error as CoordinatorError {
            return try finish(session, after: error)
        }
    }

    /// Makes the pictures that an earlier session left to this one, and ends the session.
    private func finish(
        _ session: RunSession, _ prepared: PreparedModel, _ summary: CoordinatorSummary
    ) async throws -> RunOutcome {
        if configuration.decodePlace == .coordinator, summary.isHeldUpByDecoding {
            report(
                .warning(
                    """
                    decoding took nearly all of the time, so that workers waited for it; let them do \
                    it with --decode-on workers
                    """))
        }
        var late = RunOutcome.complete
        if decodes {
            late = try await LateDecoding(
                session: session, decoder: prepared.decoder, stop: stop, report: report
            ).run()
        }
        try session.finish(summary)
        return late == .complete && !summary.failures.isEmpty ? .someImagesFailed : late
    }

    /// Ends a session that was interrupted, with a report of what was done nevertheless.
    private func finish(_ session: RunSession, after error: CoordinatorError) throws -> RunOutcome {
        switch error {
        case .noWorkers: throw error
        case .noUsableWorker(_, let summary):
            try session.finish(summary)
            throw error
        case .cancelled(let summary):
            report(.warning("interrupted: what is done so far is kept; --resume continues the run"))
            try session.finish(summary)
            return .interrupted
        case .consumerFailed(let cause, let summary):
            // A full disk may still have room for a report of what is on it.
            try? session.finish(summary, hasDiskFailed: true)
            throw cause
        }
    }
}

extension RunSession {
    fileprivate func finish(_ summary: CoordinatorSummary, hasDiskFailed: Bool = false) throws {
        try finish(
            traffic: summary.traffic, failures: summary.failures, hasDiskFailed: hasDiskFailed)
    }
}

extension CoordinatorSummary {
    /// Whether the coordinator decoded nearly all the time while workers waited.
    fileprivate var isHeldUpByDecoding: Bool {
        completedCount >= 8 && decodeSeconds > 0.9 * seconds
    }

    /// The outcome of a session that finds nothing to sample.
    fileprivate init(of history: StoredHistory) {
        self.init()
        for image in history.images where history.hasFailed(image) {
            failures[image] = history.failures[image] ?? []
        }
    }
}
