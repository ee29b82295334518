// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import NIOCore
import NIOTLS
import WireProtocol

/// Lets nothing through before the other end has shown that it may come in: TLS, then the key.
///
/// It is the last handler of the pipeline until then. What belongs behind it is added by a callback
/// of the promise, which runs before the first byte is passed on.
final class AdmissionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case connecting, encrypting, proving, admitted, refused }

    private let awaitsTLS: Bool
    private let timeout: Duration
    private let admission: EventLoopPromise<Void>
    private var authentication: Authentication?
    private var decoder: FrameChannelDecoder
    private var received = ByteBuffer()
    private var phase = Phase.connecting
    private var alarm: Scheduled<Void>?

    /// - Parameters:
    ///   - timeout: for all of it, from the connection on.
    ///   - admission: succeeds once, or fails with an `AdmissionError`.
    init(
        role: PeerRole, security: ClusterSecurity, timeout: Duration,
        admission: EventLoopPromise<Void>
    ) {
        awaitsTLS = security.tls != nil
        self.timeout = timeout
        self.admission = admission
        authentication = security.key.map {
            Authentication(role: role, key: $0, nonce: Self.nonce())
        }
        decoder = FrameChannelDecoder(receiver: role, types: Authentication.types)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Of no effect after an end that is known: a promise must not be forgotten.
        alarm?.cancel()
        admission.fail(AdmissionError(reason: "the connection is closed", isFinal: false))
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let reason =
            phase == .encrypting
            ? TLSProblem.closedInHandshake : "the connection was closed by the other end"
        fail(reason, context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent, phase == .encrypting {
            prove(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .admitted: context.fireChannelRead(data)
        case .proving:
            var bytes = unwrapInboundIn(data)
            received.writeBuffer(&bytes)
            readMessages(context)
        case .connecting, .encrypting, .refused: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .admitted {
            context.fireErrorCaught(error)
        } else {
            fail(
                AdmissionError(
                    reason: TransportError.reason(of: error), isFinal: TLSProblem.isFinal(error)),
                context)
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard phase == .connecting else { return }
        let contextBox = NIOLoopBound(context, eventLoop: context.eventLoop)
        let handlerBox = NIOLoopBound(self, eventLoop: context.eventLoop)
        alarm = context.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            handlerBox.value.expire(contextBox.value)
        }
        if awaitsTLS {
            phase = .encrypting
        } else {
            prove(context)
        }
    }

    private func prove(_ context: ChannelHandlerContext) {
        guard let authentication else {
            admit(context)
            return
        }
        phase = .proving
        perform(authentication.opening(), context)
    }

    private func readMessages(_ context: ChannelHandlerContext) {
        while phase == .proving {
            do {
                guard let frame = try decoder.decode(buffer: &received) else { return }
                guard let message = try Message(frame) else { continue }
                perform(authentication?.received(message) ?? [], context)
            } catch {
                if case .stranger(let kind) = error, let answer = StrangerAnswer.bytes(for: kind) {
                    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
                }
                perform(authentication?.malformed(error) ?? [], context)
            }
        }
    }

    private func perform(_ actions: [Authentication.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .send(let message):
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(bytes: message.frame().encoded())), promise: nil)
            case .succeed: admit(context)
            case .fail(let reason):
                fail(
                    AdmissionError(reason: reason.text, isFinal: !reason.code.isRetryable), context)
            }
        }
    }

    private func admit(_ context: ChannelHandlerContext) {
        phase = .admitted
        alarm?.cancel()
        admission.succeed()
        guard received.readableBytes > 0 else { return }
        context.fireChannelRead(wrapInboundOut(received))
        received = ByteBuffer()
    }

    private func expire(_ context: ChannelHandlerContext) {
        if phase == .proving {
            perform(authentication?.expired(after: timeout.seconds) ?? [], context)
        } else {
            fail("no TLS handshake within \(timeout.seconds) s", context)
        }
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        fail(AdmissionError(reason: reason, isFinal: false), context)
    }

    private func fail(_ error: AdmissionError, _ context: ChannelHandlerContext) {
        guard phase != .admitted, phase != .refused else { return }
        let hasSaidSomething = phase == .proving
        phase = .refused
        alarm?.cancel()
        received = ByteBuffer()
        admission.fail(error)
        guard hasSaidSomething else {
            context.close(promise: nil)
            return
        }
        // What was written before leaves first.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    private static func nonce() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<WireLimits.nonceByteCount).map { _ in .random(in: 0...255, using: &random) }
    }
}

/// Why a connection was not let in.
struct AdmissionError: Error {
    /// One sentence.
    var reason: String
    /// Whether trying again is of no use.
    var isFinal: Bool
}
