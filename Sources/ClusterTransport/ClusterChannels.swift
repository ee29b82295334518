// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import WireProtocol

/// Creates connections of both kinds with the same handlers.
package enum ClusterChannels {
    /// Size of a socket's send buffer above which writing waits.
    static let writeBufferByteCountMax = 1 << 20

    /// An established connection, and whether its other end may be admitted.
    struct Candidate: Sendable {
        let channel: any Channel
        /// The connection as used by tasks, once the other end is admitted.
        let admitted: EventLoopFuture<NIOAsyncChannel<Frame, ByteBuffer>>
    }

    /// Adds the handlers of a connection; runs on its event loop.
    ///
    /// - Parameter host: the coordinator's name for the worker; `nil` at the worker's end.
    static func configure(
        _ channel: any Channel, role: PeerRole, host: String?, security: ClusterSecurity,
        timeout: Duration, counter: TrafficCounter
    ) throws -> Candidate {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(TrafficHandler(counter: counter))
        let layers = security.layers
        for (index, layer) in layers.enumerated() {
            try pipeline.addHandlers(
                layer.handlers(host: host, isInnermost: index == layers.count - 1))
        }
        let admission = channel.eventLoop.makePromise(of: Void.self)
        let admitted = admission.futureResult.flatMapThrowing { try wrap(channel, role: role) }
        try pipeline.addHandler(
            AdmissionHandler(security: security, timeout: timeout, admission: admission))
        return Candidate(channel: channel, admitted: admitted)
    }

    private static func wrap(
        _ channel: any Channel, role: PeerRole
    ) throws -> NIOAsyncChannel<Frame, ByteBuffer> {
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(
                FrameChannelDecoder(
                    receiver: role,
                    firstPayloadByteCountMax: WireLimits.firstPayloadByteCountMax)),
            StrangerHandler(),
        ])
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(
                backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8),
                inboundType: Frame.self, outboundType: ByteBuffer.self))
    }

    /// Connects to a worker, with the authentication required by `security`.
    ///
    /// - Parameters:
    ///   - id: the caller's id for the connection.
    ///   - attempt: lets the caller cancel before the connection is established.
    ///   - resolver: finds the host's addresses; the connection timeout starts when they are known.
    /// - Throws: `TransportError.cannotConnect`.
    package static func connect(
        id: UInt64, host: String, port: Int, security: ClusterSecurity, timeouts: ClusterTimeouts,
        counter: TrafficCounter, attempt: ConnectionAttempt, resolver: NameResolver,
        group: any EventLoopGroup
    ) async throws -> PeerConnection {
        do {
            let addresses = try await attempt.value {
                try await resolver.addresses(of: host, within: timeouts.lookup)
            }
            let candidate = try await ClientBootstrap(group: group)
                .resolver(KnownAddresses(addresses, loop: group.next()))
                .connectTimeout(TimeAmount(timeouts.connect))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(
                    .writeBufferWaterMark,
                    value: .init(low: writeBufferByteCountMax / 4, high: writeBufferByteCountMax)
                )
                .connect(host: host, port: port) { channel in
                    attempt.began(channel)
                    return channel.eventLoop.makeCompletedFuture {
                        try configure(
                            channel, role: .coordinator, host: host, security: security,
                            timeout: timeouts.handshake, counter: counter)
                    }
                }
            return PeerConnection(
                id: id, channel: try await candidate.admitted.get(), counter: counter)
        } catch {
            throw TransportError.connecting(error, host: host, port: port)
        }
    }
}

extension Channel {
    /// Address of the other end, for people.
    var peerName: String {
        remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "unknown"
    }

    /// What counts as one source of connections: an IPv4 address or a /64 network.
    var sourceName: String {
        guard let place = remoteAddress, let address = place.ipAddress else { return "" }
        guard case .v6 = place else { return address }
        return place.withSockAddr { pointer, _ in
            // After family, port and flow; 16 bytes.
            let network = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(pointer) + 8, count: 8)
            // Loopback and mapped IPv4 addresses begin with zeros; they are kept whole.
            return network.contains { $0 != 0 } ? "\(Array(network))" : address
        }
    }
}
