// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

/// In front of a worker's TLS: answers peers that connect without TLS, in terms they understand.
final class PlainPeerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Type byte of a TLS handshake record.
    private static let handshakeRecord: UInt8 = 0x16

    private let layer: TLSLayer.Kind
    private var hasAnswered = false

    init(_ layer: TLSLayer.Kind) { self.layer = layer }

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
        var (answer, reason) = (StrangerAnswer.bytes(for: kind), kind.description)
        if first == FrameHeader.magic[0] {
            let words = wordsForOurs(bytes)
            let refusal = Message.refuse(WireReason(.authenticationRequired, words.answer))
            (answer, reason) = (ByteBuffer(bytes: refusal.frame().encoded()), words.log)
        }
        context.writeAndFlush(wrapOutboundOut(answer ?? ByteBuffer())).assumeIsolated()
            .whenComplete { _ in
                context.fireErrorCaught(AdmissionError(reason: reason, isFinal: true))
                context.close(promise: nil)
            }
    }

    /// For a coordinator that speaks our protocol, but without TLS.
    private func wordsForOurs(_ bytes: ByteBuffer) -> (answer: String, log: String) {
        let type = bytes.getInteger(
            at: bytes.readerIndex + FrameHeader.typeOffset, as: UInt8.self)
        if layer == .key, type == MessageType.retiredChallenge {
            let words = WireError.retiredHandshake.description
            return (words, words)
        }
        return TLSProblem.plainPeer(layer)
    }
}
