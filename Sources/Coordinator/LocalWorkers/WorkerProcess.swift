// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// One `retom-worker` on this machine, started by us and ended by us.
///
/// The worker's first line on standard output must be `listening on HOST:PORT`.
final class WorkerProcess: Sendable {
    /// Lines that are kept for an exit report.
    static let lastLineCount = 20
    /// Lines that are kept of a worker that does not start: its error begins with what matters.
    static let firstLineCount = 100
    private static let prefix = "listening on "

    private struct State {
        var lastLines: [String] = []
        var hasAnnounced = false
        var isExpectedToEnd = false
    }

    private let process: SpawnedProcess
    private let address: EventLoopFuture<WorkerAddress>
    private let exit: EventLoopFuture<String>
    private let state = Mutex(State())

    /// Starts the program and a thread that listens to it.
    ///
    /// - Parameter onExit: called with an exit report if it ends unexpectedly.
    init(
        executable: String, arguments: [String], input: [UInt8], environment: [String],
        loop: any EventLoop,
        onExit: @escaping @Sendable (String) -> Void
    ) throws(LocalWorkersError) {
        process = try SpawnedProcess(
            executable: executable, arguments: arguments, input: input, environment: environment)
        let addressPromise = loop.makePromise(of: WorkerAddress.self)
        let exitPromise = loop.makePromise(of: String.self)
        address = addressPromise.futureResult
        exit = exitPromise.futureResult
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        pool.submit { [self] _ in
            let ending = listen(addressPromise, onExit)
            pool.shutdownGracefully { _ in }
            exitPromise.succeed(ending)
        }
    }

    /// Waits until it says where it listens.
    func waitUntilListening(timeout: Duration) async throws -> WorkerAddress {
        let loop = address.eventLoop
        let limited = loop.makePromise(of: WorkerAddress.self)
        let alarm = loop.scheduleTask(in: TimeAmount(timeout)) {
            let lastLines = self.state.withLock { $0.lastLines }
            limited.fail(
                LocalWorkersError.silent(
                    seconds: timeout.seconds, lastLines: lastLines))
        }
        address.whenComplete { result in
            alarm.cancel()
            limited.completeWith(result)
        }
        return try await limited.futureResult.get()
    }

    /// Stops it with increasing force: end of input, SIGTERM, SIGKILL, `grace` apart.
    func stop(grace: Duration) async {
        state.withLock { $0.isExpectedToEnd = true }
        process.closeInput()
        let loop = exit.eventLoop
        let alarms = [(SIGTERM, 1), (SIGKILL, 2)].map { signal, count in
            loop.scheduleTask(in: TimeAmount(grace * count)) { self.process.signal(signal) }
        }
        _ = try? await exit.get()
        for alarm in alarms { alarm.cancel() }
    }

    /// Reads both streams to their ends; runs on the process's own thread.
    private func listen(
        _ addressPromise: EventLoopPromise<WorkerAddress>,
        _ onExit: @Sendable (String) -> Void
    ) -> String {
        var streams = [LineReader(process.output), LineReader(process.errorOutput)]
        var hasAnnounced = false
        while let (index, lines) = LineReader.waitForLines(&streams) {
            for line in lines {
                if index == 0, !hasAnnounced {
                    hasAnnounced = true
                    state.withLock { $0.hasAnnounced = true }
                    announce(line, addressPromise)
                } else {
                    remember(line)
                }
            }
        }
        let ending = process.waitForExit()
        let (lastLines, isExpected) = state.withLock { ($0.lastLines, $0.isExpectedToEnd) }
        if !hasAnnounced {
            addressPromise.fail(LocalWorkersError.exitedEarly(exit: ending, lastLines: lastLines))
        } else if !isExpected {
            onExit("a local worker \(ending)" + LocalWorkersError.quote(lastLines))
        }
        return ending
    }

    private func announce(_ line: String, _ promise: EventLoopPromise<WorkerAddress>) {
        let place = line.hasPrefix(Self.prefix) ? String(line.dropFirst(Self.prefix.count)) : ""
        if let address = try? HostsFile.parse(place, name: "").first {
            promise.succeed(address)
        } else {
            promise.fail(LocalWorkersError.unexpectedFirstLine(line))
        }
    }

    private func remember(_ line: String) {
        state.withLock { state in
            guard state.hasAnnounced || state.lastLines.count < Self.firstLineCount else { return }
            state.lastLines.append(line)
            if state.hasAnnounced, state.lastLines.count > Self.lastLineCount {
                state.lastLines.removeFirst(state.lastLines.count - Self.lastLineCount)
            }
        }
    }
}
