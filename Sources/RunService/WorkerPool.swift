// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import Coordinator
import Foundation
package import NIOCore
import ProcessSupport

/// Where the workers of a run are.
package enum WorkerPool: Sendable {
    /// Processes of this machine, started for this run, with these arguments.
    case local(count: Int, arguments: [String])
    /// Running workers, and what they are shown and asked for.
    case hosts([WorkerAddress], ClusterSecurity)

    /// What in the hosts file has no effect, one sentence per key.
    package var warnings: [String] {
        guard case .hosts(let addresses, _) = self else { return [] }
        let keys = Set(addresses.flatMap(\.options.keys)).sorted()
        return keys.map { key in
            let hosts = addresses.filter { $0.options[key] != nil }.map(\.description)
            return """
                hosts file: \(key)= has no effect (at \(hosts.joined(separator: ", "))); this \
                version knows no options of workers
                """
        }
    }

    /// Workers that sample while the coordinator decodes; those of one machine share its cores.
    package var samplingWorkerCount: Int {
        switch self {
        case .local: 1
        case .hosts(let addresses, _): addresses.count
        }
    }

    /// Threads for decoding while workers sample: local workers need the cores more.
    ///
    /// - Parameter threadCount: as many as this process may use.
    package func decodeThreadCount(of threadCount: Int) -> Int {
        switch self {
        case .local: 1
        case .hosts: threadCount
        }
    }

    /// What suits these workers of a coordinator's fault tolerance.
    package func adapt(_ tolerance: inout FaultTolerance) {
        guard case .local = self else { return }
        // Nobody restarts a local worker.
        tolerance.reconnectWindow = .seconds(2)
        tolerance.triesWhileOthersWork = false
    }

    /// Runs `body` with the workers, started here if need be, and stopped afterwards.
    ///
    /// - Parameter onExit: receives a sentence about a local worker that ended by itself.
    /// - Throws: `LocalWorkersError`; what the body throws.
    package func withWorkers<Result>(
        on group: any EventLoopGroup, onExit: @escaping @Sendable (String) -> Void,
        _ body: ([WorkerAddress], ClusterSecurity) async throws -> Result
    ) async throws -> Result {
        switch self {
        case .hosts(let addresses, let security): return try await body(addresses, security)
        case .local(let count, let arguments):
            // Other users of this machine can reach the workers' ports, too.
            let (key, keyText) = ClusterKey.random()
            let local = try await LocalWorkers.start(
                count: count, executable: "\(SystemInfo.executableDirectory)/retom-worker",
                arguments: arguments, input: Array("\(keyText)\n".utf8),
                environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
                group: group, onExit: onExit)
            do {
                let result = try await body(local.addresses, ClusterSecurity(key: key))
                await local.stop()
                return result
            } catch {
                await local.stop()
                throw error
            }
        }
    }
}
