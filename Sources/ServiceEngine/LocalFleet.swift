// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import Coordinator
import Foundation
package import Logging
package import NIOCore
import ProcessSupport
import Synchronization

/// Worker processes of this machine that are started again when they end.
///
/// Each keeps its port, so that the coordinator finds it where it was.
package final class LocalFleet: Sendable {
    /// Pause before a worker that ended is started again, doubled while that fails.
    private static let pause = Duration.milliseconds(500)
    private static let pauseMax = Duration.seconds(30)

    /// Where they listen.
    package let addresses: [WorkerAddress]
    /// What connections to them need.
    package let security: ClusterSecurity
    private let processes: Mutex<[LocalWorkers]>
    private let exits: AsyncStream<Int>
    private let exited: AsyncStream<Int>.Continuation
    private let launch: Launch

    private struct Launch: Sendable {
        var arguments: [String]
        var input: [UInt8]
        var group: any EventLoopGroup
        var logger: Logger

        /// Starts one worker.
        ///
        /// - Parameter port: 0 lets the system choose.
        func worker(
            port: Int, onExit: @escaping @Sendable () -> Void
        ) async throws -> LocalWorkers {
            var arguments = arguments
            if let position = arguments.firstIndex(of: "--port") {
                arguments[position + 1] = "\(port)"
            }
            return try await LocalWorkers.start(
                count: 1, executable: "\(SystemInfo.executableDirectory)/retom-worker",
                arguments: arguments, input: input,
                environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
                group: group,
                onExit: { [logger] report in
                    logger.warning("local worker ended", metadata: ["reason": "\(report)"])
                    onExit()
                })
        }
    }

    /// Starts the workers and waits until they listen.
    ///
    /// - Parameter arguments: of `retom-worker`, with `--port`.
    /// - Throws: `LocalWorkersError`; whatever was started is ended first.
    package init(
        count: Int, arguments: [String], group: any EventLoopGroup, logger: Logger
    ) async throws {
        let (key, keyText) = ClusterKey.random()
        security = ClusterSecurity(key: key)
        launch = Launch(
            arguments: arguments, input: Array("\(keyText)\n".utf8), group: group, logger: logger)
        (exits, exited) = AsyncStream.makeStream()
        var processes: [LocalWorkers] = []
        do {
            for index in 0..<count {
                processes.append(
                    try await launch.worker(port: 0) { [exited] in exited.yield(index) })
            }
        } catch {
            for process in processes { await process.stop() }
            throw error
        }
        addresses = processes.flatMap(\.addresses)
        self.processes = Mutex(processes)
    }

    /// Starts workers again that end, until the task is cancelled.
    package func superviseUntilCancelled() async {
        await withDiscardingTaskGroup { tasks in
            for await index in exits {
                tasks.addTask { await self.restart(index) }
            }
            tasks.cancelAll()
        }
    }

    private func restart(_ index: Int) async {
        var pause = Self.pause
        while !Task.isCancelled {
            try? await Task.sleep(for: pause)
            do {
                let process = try await launch.worker(port: addresses[index].port) {
                    [exited] in exited.yield(index)
                }
                processes.withLock { $0[index] = process }
                return
            } catch {
                launch.logger.warning(
                    "local worker does not start", metadata: ["reason": "\(error)"])
                pause = min(pause * 2, Self.pauseMax)
            }
        }
    }

    /// Ends them.
    package func stop() async {
        exited.finish()
        for process in processes.withLock({ $0 }) { await process.stop() }
    }
}
