// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// First handler of a connection: counts its bytes.
final class TrafficHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let counter: TrafficCounter

    init(counter: TrafficCounter) {
        self.counter = counter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        counter.received(byteCount: unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        counter.sent(byteCount: unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }
}
