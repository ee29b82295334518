// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
internal import CommandSupport
internal import Coordinator
internal import Foundation
internal import GenerationTypes
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NodeSupport
internal import RunStore
internal import StableDiffusion
internal import TensorKit
internal import WireProtocol

/// One life of a run on the cluster: workers found or started, images drawn, files written.
struct ClusterRun: Sendable {
    let job: RunJob
    let pool: WorkerPool
    /// How often workers save their images.
    let checkpoints: CheckpointPolicy
    /// How this process decodes.
    let decoding: ComputeConfiguration
    let decodePlace: DecodePlace
    let stop: StopRequest
    let observers: Observers

    private var progress: ProgressFeed { observers.progress }

    /// Performs the run and leaves its files behind, however it ends.
    ///
    /// - Throws: what makes the run impossible; otherwise the outcome is in the result.
    func perform() async throws -> ProgramExit {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            job.announce(to: progress)
            let exit = try await observers.metrics.serve(
                logger: observers.logger, page: { [numbers = observers.numbers] in numbers.page },
                while: { try await prepareAndDraw(group) })
            try? await group.shutdownGracefully()
            return exit
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Reads the model while workers of this machine read it too.
    private func prepareAndDraw(
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> ProgramExit {
        let preparing = Task { try await PreparedModel(job.model, decoding: decoding) }
        guard job.hasOpenImages else {
            let prepared = try await preparing.value
            let session = try job.begin(
                with: prepared, progress: progress, decodes: decodePlace != DecodePlace.none)
            return try await finish(session, prepared, CoordinatorSummary(of: session.history))
        }
        do {
            return try await withWorkers(group) { workers, security in
                let prepared = try await preparing.value
                let session = try job.begin(
                    with: prepared, progress: progress, decodes: decodePlace != DecodePlace.none)
                return try await draw(on: workers, security, prepared, session, group)
            }
        } catch {
            // Where the model itself is at fault, that says more than what its workers died of.
            _ = try await preparing.value
            throw error
        }
    }

    private func withWorkers(
        _ group: MultiThreadedEventLoopGroup,
        _ body: ([WorkerAddress], ClusterSecurity) async throws -> ProgramExit
    ) async throws -> ProgramExit {
        switch pool {
        case .hosts(let addresses, let security): return try await body(addresses, security)
        case .local(let count, let arguments):
            // Other users of this machine can reach the workers' ports, too.
            let (key, keyText) = ClusterKey.random()
            let local = try await LocalWorkers.start(
                count: count, executable: "\(SystemInfo.executableDirectory)/retom-worker",
                arguments: arguments, input: Array("\(keyText)\n".utf8),
                environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
                group: group,
                onExit: { [progress] in progress.report(.warning($0)) })
            do {
                let exit = try await body(local.addresses, ClusterSecurity(key: key))
                await local.stop()
                return exit
            } catch {
                await local.stop()
                throw error
            }
        }
    }

    private func draw(
        on workers: [WorkerAddress], _ security: ClusterSecurity, _ prepared: PreparedModel,
        _ session: RunSession, _ group: MultiThreadedEventLoopGroup
    ) async throws -> ProgramExit {
        var configuration = CoordinatorConfiguration(
            name: SystemInfo.hostName, build: ProgramVersion.text,
            kernelClass: prepared.decoder.kernelClass, coreCount: CPUInfo.detect().coreCount,
            memoryByteCount: SystemInfo.memoryByteCount, model: prepared.fingerprint,
            latents: prepared.decoder.format)
        configuration.checkpoints = checkpoints
        configuration.wantsPictures = decodePlace == .workers
        // Nobody starts a local worker again.
        if case .local = pool {
            configuration.tolerance.reconnectWindow = .seconds(2)
            configuration.tolerance.triesWhileOthersWork = false
        }
        let coordinator = Coordinator(
            configuration: configuration, workers: workers, security: security, group: group,
            logger: observers.logger)
        let numbers = observers.numbers
        numbers.count { coordinator.traffic }
        stop.onRequest { coordinator.cancel() }
        do {
            let summary = try await coordinator.run(
                job.plan.requests,
                decoder: decodePlace != DecodePlace.none ? prepared.decoder : nil, store: session,
                resumed: try session.resumed,
                onEvent: {
                    numbers.note($0)
                    session.note($0)
                },
                consume: { finished in
                    numbers.note(finished)
                    try await DedicatedThread.run(named: "write") { try session.write(finished) }
                })
            return try await finish(session, prepared, summary)
        } catch let error as CoordinatorError {
            return try finish(session, after: error)
        }
    }

    /// Makes the pictures that an earlier life left to this one, and the account.
    private func finish(
        _ session: RunSession, _ prepared: PreparedModel, _ summary: CoordinatorSummary
    ) async throws -> ProgramExit {
        if decodePlace == .coordinator, summary.isHeldUpByDecoding {
            progress.report(
                .warning(
                    """
                    decoding took nearly all of the time, so that workers waited for it; let them do \
                    it with --decode-on workers
                    """))
        }
        var late = LateDecoding.Outcome()
        if decodePlace != DecodePlace.none {
            late = try await LateDecoding(
                session: session, decoder: prepared.decoder, progress: progress, stop: stop
            ).run()
        }
        try session.finish(summary)
        return late.exit(failedBefore: !summary.failures.isEmpty)
    }

    /// Leaves an account of what was done nevertheless.
    private func finish(
        _ session: RunSession, after error: CoordinatorError
    ) throws -> ProgramExit {
        switch error {
        case .noWorkers: throw error
        case .noUsableWorker(_, let summary):
            try session.finish(summary)
            throw error
        case .cancelled(let summary):
            progress.report(
                .warning("interrupted: what is drawn so far is kept; --resume goes on with it"))
            try session.finish(summary)
            // Nothing but a signal cancels a run.
            return stop.interruption ?? .interrupted
        case .consumerFailed(let cause, let summary):
            // A full disk may still have room for the account of what is on it.
            try? session.finish(summary, hasDiskFailed: true)
            throw cause
        }
    }
}

extension CoordinatorSummary {
    /// Whether the coordinator decoded nearly all the time while workers waited.
    fileprivate var isHeldUpByDecoding: Bool {
        completedCount >= 8 && decodeSeconds > 0.9 * seconds
    }

    /// What a life comes to that finds nothing to sample.
    fileprivate init(of history: StoredHistory) {
        self.init()
        for item in history.requests.indices where history.hasFailed(item) {
            failures[item] = history.failures[item] ?? []
        }
    }
}
