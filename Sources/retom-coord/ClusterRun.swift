// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Coordinator
internal import Foundation
internal import GenerationTypes
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import TensorKit

/// One run on the cluster: workers found or started, images drawn, files written.
struct ClusterRun: Sendable {
    let plan: RequestPlan
    let pool: WorkerPool
    let session: RunSession
    let stop: StopRequest
    let progress: ProgressFeed
    let fingerprint: ModelFingerprint
    let decoder: PictureDecoder

    /// Performs the run and leaves its files behind, however it ends.
    ///
    /// - Throws: what makes the run impossible; otherwise the outcome is in the result.
    func perform() async throws -> ProgramExit {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            session.announce()
            let exit = try await withWorkers(group) { try await draw(on: $0, group) }
            try? await group.shutdownGracefully()
            return exit
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func withWorkers(
        _ group: MultiThreadedEventLoopGroup,
        _ body: ([WorkerAddress]) async throws -> ProgramExit
    ) async throws -> ProgramExit {
        switch pool {
        case .hosts(let addresses): return try await body(addresses)
        case .local(let count, let arguments):
            let local = try await LocalWorkers.start(
                count: count, executable: "\(SystemInfo.executableDirectory)/retom-worker",
                arguments: arguments,
                environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
                group: group,
                onExit: { [progress] in progress.report(.warning($0)) })
            do {
                let exit = try await body(local.addresses)
                await local.stop()
                return exit
            } catch {
                await local.stop()
                throw error
            }
        }
    }

    private func draw(
        on workers: [WorkerAddress], _ group: MultiThreadedEventLoopGroup
    ) async throws -> ProgramExit {
        var configuration = CoordinatorConfiguration(
            name: SystemInfo.hostName, build: ProgramVersion.text,
            kernelClass: decoder.kernelClass, coreCount: CPUInfo.detect().coreCount,
            memoryByteCount: SystemInfo.memoryByteCount, model: fingerprint)
        // Nobody starts a local worker again.
        if case .local = pool { configuration.tolerance.reconnectWindow = .seconds(2) }
        let coordinator = Coordinator(
            configuration: configuration, workers: workers, group: group,
            logger: Logger(label: "retom-coord") { StreamLogHandler.standardError(label: $0) })
        stop.onRequest { coordinator.cancel() }
        do {
            let summary = try await coordinator.run(
                plan.requests, decoder: decoder, onEvent: { session.note($0) },
                consume: { finished in
                    try await DedicatedThread.run(named: "write") { try session.write(finished) }
                })
            try session.finish(summary)
            return summary.failures.isEmpty ? .success : .someImagesFailed
        } catch let error as CoordinatorError {
            return try finish(after: error)
        }
    }

    /// Leaves an account of what was done nevertheless.
    private func finish(after error: CoordinatorError) throws -> ProgramExit {
        switch error {
        case .noWorkers: throw error
        case .noUsableWorker(_, let summary):
            try session.finish(summary)
            throw error
        case .cancelled(let summary):
            progress.report(.warning("interrupted: what is drawn so far is kept"))
            try session.finish(summary, isInterrupted: true)
            return .someImagesFailed
        case .consumerFailed(let cause, let summary):
            // A full disk may still have room for the account of what is on it.
            try? session.finish(summary, isInterrupted: true)
            throw cause
        }
    }
}
