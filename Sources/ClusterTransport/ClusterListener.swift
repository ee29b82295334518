// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import Synchronization
import WireProtocol

/// An open port of a worker.
package struct ClusterListener: Sendable {
    /// The port the system gave; differs from the wanted one when that was 0.
    package let port: Int
    private let server: NIOAsyncChannel<NIOAsyncChannel<Frame, ByteBuffer>, Never>
    private let counter: TrafficCounter

    /// Opens a port.
    ///
    /// - Throws: `TransportError`: in use, not permitted, no such address.
    package static func bind(
        host: String, port: Int, counter: TrafficCounter, group: any EventLoopGroup
    ) async throws -> ClusterListener {
        do {
            let server = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 64)
                // Lets a worker come back on its port while old connections linger; two live
                // listeners still exclude each other.
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .bind(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try ClusterChannels.configure(channel, receiver: .worker, counter: counter)
                    }
                }
            let actual = server.channel.localAddress?.port ?? port
            return ClusterListener(port: actual, server: server, counter: counter)
        } catch {
            throw TransportError.listening(error, host: host, port: port)
        }
    }

    private init(
        port: Int, server: NIOAsyncChannel<NIOAsyncChannel<Frame, ByteBuffer>, Never>,
        counter: TrafficCounter
    ) {
        self.port = port
        self.server = server
        self.counter = counter
    }

    /// Accepts until the task is cancelled or `close` is called.
    ///
    /// - Parameters:
    ///   - connectionCountMax: connections at a time; more are refused with a reason.
    ///   - serve: serves one connection to its end.
    package func run(
        connectionCountMax: Int, _ serve: @escaping @Sendable (PeerConnection) async -> Void
    ) async throws {
        let open = ConnectionCount()
        var identifier: UInt64 = 0
        try await server.executeThenClose { accepted in
            try await withThrowingDiscardingTaskGroup { tasks in
                for try await child in accepted {
                    identifier += 1
                    let connection = PeerConnection(
                        id: identifier, channel: child, counter: counter)
                    let isWelcome = open.value.load(ordering: .relaxed) < connectionCountMax
                    open.value.wrappingAdd(1, ordering: .relaxed)
                    tasks.addTask {
                        if isWelcome {
                            await serve(connection)
                        } else {
                            await Self.turnAway(connection)
                        }
                        open.value.wrappingSubtract(1, ordering: .relaxed)
                    }
                }
            }
        }
    }

    /// Stops accepting; connections go on.
    package func close() {
        server.channel.close(promise: nil)
    }

    private static func turnAway(_ connection: PeerConnection) async {
        connection.send(
            .refuse(
                WireReason(
                    .tooManyConnections, "too many connections", retryAfterMilliseconds: 2000)))
        connection.finish()
        _ = await connection.run { _ in }
    }
}

/// Connections that are open at the moment.
private final class ConnectionCount: Sendable {
    let value = Atomic<Int>(0)
}
