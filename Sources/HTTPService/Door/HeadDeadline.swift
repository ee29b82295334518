// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Between a connection and its HTTP decoder: closes it when the head of a request takes too long.
///
/// The server notices silence between requests by itself, but not a head that comes byte by byte.
/// While a request is answered nothing is cut: what its client sends meanwhile waits.
final class HeadDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?
    /// Requests of which the head has come and the answer is not complete.
    private var openCount = 0

    init(timeout: Duration) { self.timeout = TimeAmount(timeout) }

    func handlerAdded(context: ChannelHandlerContext) { begin(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Whole heads are counted before this returns.
        context.fireChannelRead(data)
        if openCount == 0, deadline == nil { begin(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// The decoder has a whole head.
    func headCame() {
        openCount += 1
        end()
    }

    /// The answer to one of them is complete.
    func answered() { openCount -= 1 }

    private func begin(_ context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    private func end() {
        deadline?.cancel()
        deadline = nil
    }
}
