// SPDX-License-Identifier: Apache-2.0

import Coordinator
import NIOCore
import NIOPosix
import Synchronization

/// A port that forwards to another one, may change what passes, and can lose all its connections at
/// once.
///
/// It needs no threads of its own, so a test may have hundreds.
final class CuttableRelay: Sendable {
    let address: WorkerAddress
    private let server: any Channel
    private let open: OpenChannels

    /// Where bytes go.
    enum Direction: Sendable { case forth, back }

    /// - Parameter alter: sees what passes, and says what to pass instead.
    init(
        to target: WorkerAddress,
        alter: @escaping @Sendable (Direction, [UInt8]) -> [UInt8] = { $1 }
    ) async throws {
        let open = OpenChannels()
        server = try await ServerBootstrap(group: TestCluster.group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                open.insert(client)
                return ClientBootstrap(group: client.eventLoop)
                    .channelInitializer {
                        $0.pipeline.addHandler(Forwarder(to: client) { alter(.back, $0) })
                    }
                    .connect(host: target.host, port: target.port)
                    .flatMap { channel in
                        client.pipeline.addHandler(Forwarder(to: channel) { alter(.forth, $0) })
                    }
                    .flatMap { client.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.open = open
        address = WorkerAddress(host: "127.0.0.1", port: server.localAddress?.port ?? 0)
    }

    /// Ends all connections; new ones are taken.
    func cut() { open.closeAll() }

    func stop() async {
        try? await server.close()
        cut()
    }
}

private final class OpenChannels: Sendable {
    private let channels = Mutex<[any Channel]>([])

    func insert(_ channel: any Channel) { channels.withLock { $0.append(channel) } }

    func closeAll() {
        for channel in channels.withLock({ channels in
            defer { channels = [] }
            return channels
        }) { channel.close(promise: nil) }
    }
}

private final class Forwarder: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let alter: @Sendable ([UInt8]) -> [UInt8]

    init(to other: any Channel, alter: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.other = other
        self.alter = alter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = alter(Array(unwrapInboundIn(data).readableBytesView))
        other.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}
