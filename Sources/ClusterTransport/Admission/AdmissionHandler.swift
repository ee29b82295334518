// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import NIOCore
import NIOTLS
import WireProtocol

/// Blocks all data until every layer of TLS is in place: by then the other end has proved its
/// identity.
///
/// Until then it is the last handler of the pipeline. A callback of the promise adds the handlers
/// after it, before the first byte is passed on.
final class AdmissionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum Phase { case connecting, encrypting, admitted, refused }

    private let awaitsTLS: Bool
    private let timeout: Duration
    private let admission: EventLoopPromise<Void>
    private var phase = Phase.connecting
    private var alarm: Scheduled<Void>?

    /// - Parameters:
    ///   - timeout: for the whole handshake, from the connection.
    ///   - admission: succeeds once, or fails with an `AdmissionError`.
    init(security: ClusterSecurity, timeout: Duration, admission: EventLoopPromise<Void>) {
        awaitsTLS = !security.layers.isEmpty
        self.timeout = timeout
        self.admission = admission
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Has no effect after a known end: a promise must always be completed.
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
        if case .handshakeCompleted = event as? TLSUserEvent, phase == .encrypting { admit() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .admitted { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .admitted {
            context.fireErrorCaught(error)
        } else {
            let reason = TransportError.reason(of: error)
            fail(
                error as? AdmissionError ?? AdmissionError(reason: reason, isFinal: false), context)
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard phase == .connecting else { return }
        guard awaitsTLS else {
            admit()
            return
        }
        phase = .encrypting
        let contextBox = NIOLoopBound(context, eventLoop: context.eventLoop)
        let handlerBox = NIOLoopBound(self, eventLoop: context.eventLoop)
        alarm = context.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            handlerBox.value.expire(contextBox.value)
        }
    }

    private func admit() {
        phase = .admitted
        alarm?.cancel()
        admission.succeed()
    }

    private func expire(_ context: ChannelHandlerContext) {
        fail("no TLS handshake within \(timeout.seconds) s", context)
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        fail(AdmissionError(reason: reason, isFinal: false), context)
    }

    private func fail(_ error: AdmissionError, _ context: ChannelHandlerContext) {
        guard phase != .admitted, phase != .refused else { return }
        phase = .refused
        alarm?.cancel()
        admission.fail(error)
        context.close(promise: nil)
    }
}
