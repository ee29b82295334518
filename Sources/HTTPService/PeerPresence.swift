// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Knows when a client is gone, also while its request is being answered.
final class PeerPresence: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private var left: EventLoopPromise<Void>?

    /// Completes when the client of a connection has closed its side of it.
    static func departure(from channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.flatSubmit {
            let handler = try? channel.pipeline.syncOperations.handler(type: Self.self)
            return handler?.left?.futureResult ?? channel.closeFuture
        }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        left = context.eventLoop.makePromise()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    private func leave() { left?.succeed(()) }
}
