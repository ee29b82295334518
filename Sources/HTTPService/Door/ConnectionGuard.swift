// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTPTypes

/// Closes connections whose client does not read its answers, and those of an address that has too
/// many; lets the `HeadDeadline` know where its requests stand.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let peers: PeerCount
    private let stallTimeout: TimeAmount
    private var peer: String?
    private var heads: HeadDeadline?
    private var stall: Scheduled<Void>?

    init(peers: PeerCount, stallTimeout: Duration) {
        self.peers = peers
        self.stallTimeout = TimeAmount(stallTimeout)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        heads = try? channel.pipeline.syncOperations.handler(type: HeadDeadline.self)
        let peer = channel.remoteAddress?.ipAddress ?? ""
        self.peer = peer
        if !peers.add(peer) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { heads?.headCame() }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { heads?.answered() }
        context.write(data, promise: promise)
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
        stall?.cancel()
        stall = nil
        if let peer { peers.remove(peer) }
        peer = nil
    }
}
