// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import NIOCore

/// Connects to workers and serves the connections, each in a task of its own.
struct Dialler: Sendable {
    /// An attempt to connect.
    typealias Dial = (id: ConnectionID, address: WorkerAddress)

    let security: ClusterSecurity
    let timeouts: ClusterTimeouts
    let counter: TrafficCounter
    let resolver: NameResolver
    let group: any EventLoopGroup

    /// Dials until there is nothing more to dial and all connections are closed.
    func serve(_ dials: AsyncStream<Dial>, for engine: CoordinatorEngine) async {
        await withDiscardingTaskGroup { connections in
            for await (id, address) in dials {
                connections.addTask {
                    await engine.serve(id) { attempt in
                        try await ClusterChannels.connect(
                            id: id.rawValue, host: address.host, port: address.port,
                            security: security, timeouts: timeouts, counter: counter,
                            attempt: attempt, resolver: resolver, group: group)
                    }
                }
            }
        }
    }

    /// Bytes on all connections so far.
    var traffic: ByteCounts { counter.snapshot }
}
