// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// In front of a door's TLS: tells clients that speak plain HTTP what this port speaks.
final class PlainHTTPRefusal: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Type byte of a TLS handshake record.
    private static let handshakeRecord: UInt8 = 0x16
    /// The client reads the answer meanwhile; what it still sends would end the connection before.
    private static let patience = TimeAmount.milliseconds(500)
    private static let sentence =
        "this port speaks HTTPS only; use https:// in place of http://\n"

    private var hasAnswered = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self), !hasAnswered
        else { return }
        if first == Self.handshakeRecord {
            context.fireChannelRead(data)
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
            return
        }
        hasAnswered = true
        // What is no HTTP either is not answered.
        guard UInt8(ascii: "A")...UInt8(ascii: "Z") ~= first else {
            context.close(promise: nil)
            return
        }
        let answer = ByteBuffer(
            string: """
                HTTP/1.1 400 Bad Request\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Length: \(Self.sentence.utf8.count)\r
                Connection: close\r
                \r
                \(Self.sentence)
                """)
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    }
}
