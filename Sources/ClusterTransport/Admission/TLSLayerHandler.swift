// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS
import WireProtocol

/// Behind the TLS of a layer: says in plain words what went wrong in it.
///
/// That its handshake is done goes further only from the innermost layer, so what lies behind all of
/// them hears it once.
final class TLSLayerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let kind: TLSLayer.Kind
    private let role: PeerRole
    private let isInnermost: Bool
    private let check: () throws -> Void
    private var isEstablished = false

    /// - Parameters:
    ///   - role: the end we are.
    ///   - check: looks at what the other end has shown once its handshake is done.
    init(
        _ kind: TLSLayer.Kind, _ role: PeerRole, isInnermost: Bool,
        check: @escaping () throws -> Void = {}
    ) {
        self.kind = kind
        self.role = role
        self.isInnermost = isInnermost
        self.check = check
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        do {
            try check()
        } catch {
            context.fireErrorCaught(error)
            return
        }
        isEstablished = true
        if isInnermost { context.fireUserInboundEventTriggered(event) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let problem = TLSProblem(error, of: kind, at: role, isEstablished: isEstablished)
        context.fireErrorCaught(problem?.admissionError ?? error)
    }
}
