// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOPosix
import WireProtocol

/// Makes connections of both kinds with the same handlers.
package enum ClusterChannels {
    /// Bytes in a socket's outgoing buffer above which writing waits.
    static let writeBufferByteCountMax = 1 << 20

    static func configure(
        _ channel: any Channel, receiver: PeerRole, counter: TrafficCounter
    ) throws -> NIOAsyncChannel<Frame, ByteBuffer> {
        try channel.pipeline.syncOperations.addHandlers([
            TrafficHandler(counter: counter),
            ByteToMessageHandler(
                FrameChannelDecoder(
                    receiver: receiver,
                    firstPayloadByteCountMax: WireLimits.firstPayloadByteCountMax)),
            StrangerHandler(),
        ])
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(
                backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8),
                inboundType: Frame.self, outboundType: ByteBuffer.self))
    }

    /// Connects to a worker.
    ///
    /// - Parameters:
    ///   - id: what the caller wants the connection to be called.
    ///   - attempt: lets the caller give up before the connection stands.
    /// - Throws: `TransportError.cannotConnect`.
    package static func connect(
        id: UInt64, host: String, port: Int, timeout: Duration, counter: TrafficCounter,
        attempt: ConnectionAttempt, group: any EventLoopGroup
    ) async throws -> PeerConnection {
        do {
            let channel = try await ClientBootstrap(group: group)
                .connectTimeout(TimeAmount(timeout))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(
                    .writeBufferWaterMark,
                    value: .init(low: writeBufferByteCountMax / 4, high: writeBufferByteCountMax)
                )
                .connect(host: host, port: port) { channel in
                    attempt.began(channel)
                    return channel.eventLoop.makeCompletedFuture {
                        try configure(channel, receiver: .coordinator, counter: counter)
                    }
                }
            return PeerConnection(id: id, channel: channel, counter: counter)
        } catch {
            throw TransportError.connecting(error, host: host, port: port)
        }
    }
}
