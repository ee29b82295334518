// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

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
