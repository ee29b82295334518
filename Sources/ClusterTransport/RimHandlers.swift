// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

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

/// Answers a web browser in its own words before the connection is closed.
final class StrangerHandler: ChannelInboundHandler {
    typealias InboundIn = Frame
    typealias OutboundOut = ByteBuffer

    static let answer = """
        HTTP/1.1 400 Bad Request\r
        Content-Type: text/plain; charset=utf-8\r
        Connection: close\r
        Content-Length: 57\r
        \r
        This port speaks retom's own protocol; use retom-coord.\r\n
        """

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let wireError = error as? WireError, wireError == .stranger(.http) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.answer)), promise: nil)
        }
        context.fireErrorCaught(error)
    }
}
