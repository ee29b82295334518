// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Worker processes on this machine, for runs without a hosts file.
package final class LocalWorkers: Sendable {
    /// Where they listen, in the order they were started.
    package let addresses: [WorkerAddress]
    private let processes: [WorkerProcess]

    /// Starts worker processes and waits until all of them listen.
    ///
    /// - Parameters:
    ///   - executable: path of `retom-worker`.
    ///   - arguments: must make it listen on a port of its choice, announce that in its first line
    ///     and end with its standard input (`--port 0 --exit-with-parent`).
    ///   - input: what each finds on its standard input, 4096 bytes at most; secrets belong there,
    ///     for command lines are public.
    ///   - environment: `KEY=value` strings.
    ///   - startTimeout: how long loading the model may take.
    ///   - onExit: called with an exit report when one ends unexpectedly.
    /// - Throws: `LocalWorkersError`; whatever was started is ended first.
    package static func start(
        count: Int, executable: String, arguments: [String], input: [UInt8] = [],
        environment: [String],
        startTimeout: Duration = .seconds(180), group: any EventLoopGroup,
        onExit: @escaping @Sendable (String) -> Void
    ) async throws -> LocalWorkers {
        var processes: [WorkerProcess] = []
        do {
            for _ in 0..<count {
                processes.append(
                    try WorkerProcess(
                        executable: executable, arguments: arguments, input: input,
                        environment: environment, loop: group.next(), onExit: onExit))
            }
            var addresses: [WorkerAddress] = []
            for process in processes {
                addresses.append(try await process.waitUntilListening(timeout: startTimeout))
            }
            return LocalWorkers(addresses: addresses, processes: processes)
        } catch {
            await stop(processes, grace: .milliseconds(500))
            throw error
        }
    }

    private init(addresses: [WorkerAddress], processes: [WorkerProcess]) {
        self.addresses = addresses
        self.processes = processes
    }

    /// Ends them: by the end of their input, then SIGTERM, then SIGKILL, `grace` apart.
    package func stop(grace: Duration = .seconds(2)) async {
        await Self.stop(processes, grace: grace)
    }

    private static func stop(_ processes: [WorkerProcess], grace: Duration) async {
        await withDiscardingTaskGroup { tasks in
            for process in processes {
                tasks.addTask { await process.stop(grace: grace) }
            }
        }
    }
}
