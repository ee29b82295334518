// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

/// Last words to strangers, in their own language.
enum StrangerAnswer {
    private static let http = """
        HTTP/1.1 400 Bad Request\r
        Content-Type: text/plain; charset=utf-8\r
        Connection: close\r
        Content-Length: 57\r
        \r
        This port speaks retom's own protocol; use retom-coord.\r\n
        """
    /// A fatal alert, `protocol_version`: our own TLS client, too, learns from it that there is none
    /// here.
    private static let tlsAlert: [UInt8] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]

    /// What to send before the connection is closed; `nil` for nothing.
    static func bytes(for kind: StrangerKind) -> ByteBuffer? {
        switch kind {
        case .http: ByteBuffer(string: http)
        case .tls: ByteBuffer(bytes: tlsAlert)
        case .ssh, .unknown: nil
        }
    }
}

/// Answers strangers at a port that is open to everyone.
final class StrangerHandler: ChannelInboundHandler {
    typealias InboundIn = Frame
    typealias OutboundOut = ByteBuffer

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .stranger(let kind) = error as? WireError,
            let answer = StrangerAnswer.bytes(for: kind)
        {
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
        context.fireErrorCaught(error)
    }
}

/// In front of a worker's TLS: tells who speaks without, in words that they understand.
final class PlainPeerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Type byte of a TLS handshake record.
    private static let handshakeRecord: UInt8 = 0x16

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
        let kind = StrangerKind(firstBytes: bytes.readableBytesView.prefix(8))
        let isOurs = first == FrameHeader.magic[0]
        let reason = isOurs ? TLSProblem.plainPeer : kind.description
        let refusal = Message.refuse(WireReason(.authenticationRequired, TLSProblem.wanted))
        let answer =
            isOurs ? ByteBuffer(bytes: refusal.frame().encoded()) : StrangerAnswer.bytes(for: kind)
        context.writeAndFlush(wrapOutboundOut(answer ?? ByteBuffer())).assumeIsolated()
            .whenComplete { _ in
                context.fireErrorCaught(AdmissionError(reason: reason, isFinal: true))
                context.close(promise: nil)
            }
    }
}
