// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import Synchronization
import WireProtocol

/// An open port of a worker.
///
/// Connections wait as soon as it is open, and are answered once `run` is called.
package struct ClusterListener: Sendable {
    /// Connections waiting to be accepted; beyond that the system drops some for a second.
    private static let backlogCount: Int32 = 512

    /// The port assigned by the system; differs from the requested one if that was 0.
    package let port: Int
    private let server: NIOAsyncChannel<any Channel, Never>
    private let waiting: WaitingChannels

    /// Opens a port on the host's first address.
    ///
    /// - Throws: `TransportError`: in use, not permitted, no such address.
    package static func bind(
        host: String, port: Int, group: any EventLoopGroup
    ) async throws -> ClusterListener {
        let waiting = WaitingChannels()
        do {
            let address = try await NameResolver.system.address(toListenOn: host, port: port)
            let server = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: backlogCount)
                // Lets a worker reuse its port while old connections linger; two live
                // listeners still exclude each other.
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                // Nothing is read before the connection is served.
                .childChannelOption(.autoRead, value: false)
                .bind(to: address) { channel in
                    waiting.insert(channel)
                    return channel.eventLoop.makeSucceededFuture(channel)
                }
            let actual = server.channel.localAddress?.port ?? port
            return ClusterListener(port: actual, server: server, waiting: waiting)
        } catch {
            throw TransportError.listening(error, host: host, port: port)
        }
    }

    private init(
        port: Int, server: NIOAsyncChannel<any Channel, Never>, waiting: WaitingChannels
    ) {
        self.port = port
        self.server = server
        self.waiting = waiting
    }

    /// Accepts until the task is cancelled or `close` is called.
    ///
    /// - Parameters:
    ///   - rules: the admission rules.
    ///   - counter: counts the bytes of all connections.
    ///   - reject: receives each connection that was not admitted, with its address and the reason.
    ///   - serve: serves one connection to its end.
    package func run(
        rules: ListenerRules, counter: TrafficCounter,
        reject: @escaping @Sendable (_ peer: String, _ reason: String) -> Void,
        _ serve: @escaping @Sendable (PeerConnection) async -> Void
    ) async throws {
        // Connections accepted but not yet served when the loop ends.
        defer { waiting.closeAll() }
        let open = ConnectionCount()
        let door = ListenerDoor(rules: rules, counter: counter, reject: reject)
        var identifier: UInt64 = 0
        try await server.executeThenClose { accepted in
            try await withThrowingDiscardingTaskGroup { tasks in
                for try await child in accepted {
                    identifier += 1
                    waiting.remove(child)
                    tasks.addTask { [identifier] in
                        guard let connection = await door.admit(child, id: identifier) else {
                            return
                        }
                        let count = open.value.wrappingAdd(1, ordering: .relaxed).oldValue
                        let isWelcome = count < rules.connectionCountMax
                        await isWelcome ? serve(connection) : Self.turnAway(connection)
                        open.value.wrappingSubtract(1, ordering: .relaxed)
                    }
                }
            }
        }
    }

    /// Closes a port whose `run` was never called.
    package func abandon() async {
        try? await server.executeThenClose { _ in }
        waiting.closeAll()
    }

    /// Stops accepting; existing connections continue.
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

/// Open connections.
private final class ConnectionCount: Sendable {
    let value = Atomic<Int>(0)
}

/// Channels not served yet.
///
/// A `NIOAsyncChannel` must not be dropped unserved, so the accept queue holds plain channels; this
/// registry closes those left in the queue when a worker stops.
private final class WaitingChannels: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    func insert(_ channel: any Channel) {
        channels.withLock { $0[ObjectIdentifier(channel)] = channel }
    }

    func remove(_ channel: any Channel) {
        channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func closeAll() {
        let left = channels.withLock { channels in
            defer { channels = [:] }
            return Array(channels.values)
        }
        for channel in left { channel.close(promise: nil) }
    }
}
