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

/// Closes connections whose first request does not begin in time, whose client does not read its
/// answers, and those of an address that has too many.
///
/// The server notices silence between requests by itself, but neither a head that comes byte by byte
/// nor an answer that nobody takes.
final class ConnectionGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    /// How long the head of the first request may take.
    static let headTimeout = TimeAmount.seconds(10)
    /// How long nothing may be read of an answer that is waiting to be sent.
    static let stallTimeout = TimeAmount.seconds(15)

    private let peers: PeerCount
    private let timeout: TimeAmount
    private let stallTimeout: TimeAmount
    private var peer: String?
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?

    init(
        peers: PeerCount, timeout: TimeAmount = headTimeout,
        stallTimeout: TimeAmount = stallTimeout
    ) {
        self.peers = peers
        self.timeout = timeout
        self.stallTimeout = stallTimeout
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

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        if !context.channel.isWritable {
            let channel = context.channel
            stall = context.eventLoop.scheduleTask(in: stallTimeout) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func leave() {
        deadline?.cancel()
        stall?.cancel()
        (deadline, stall) = (nil, nil)
        if let peer { peers.remove(peer) }
        peer = nil
    }
}
