// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// How many connections each address has.
final class PeerCount: Sendable {
    /// Connections of one address at once.
    static let connectionCountMax = 256

    private let counts = Mutex<[String: Int]>([:])

    /// Adds a connection.
    ///
    /// - Returns: whether it may stay.
    func add(_ peer: String) -> Bool {
        counts.withLock { counts in
            counts[peer, default: 0] += 1
            return counts[peer, default: 0] <= Self.connectionCountMax
        }
    }

    func remove(_ peer: String) {
        counts.withLock { counts in
            let left = counts[peer, default: 1] - 1
            counts[peer] = left > 0 ? left : nil
        }
    }
}

/// Closes connections whose first request does not begin in time, and those of an address that has
/// too many.
///
/// The server notices silence between requests by itself, but not a head that comes byte by byte.
final class ConnectionGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    /// How long the head of the first request may take.
    static let headTimeout = TimeAmount.seconds(10)

    private let peers: PeerCount
    private let timeout: TimeAmount
    private var peer: String?
    private var deadline: Scheduled<Void>?

    init(peers: PeerCount, timeout: TimeAmount = headTimeout) {
        self.peers = peers
        self.timeout = timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let peer = channel.remoteAddress?.ipAddress ?? ""
        self.peer = peer
        if !peers.add(peer) { channel.close(promise: nil) }
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        deadline?.cancel()
        deadline = nil
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func leave() {
        deadline?.cancel()
        deadline = nil
        if let peer { peers.remove(peer) }
        peer = nil
    }
}
