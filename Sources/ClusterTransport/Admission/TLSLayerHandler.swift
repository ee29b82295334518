// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS
import WireProtocol

/// After a layer's TLS: reports its errors in plain words.
///
/// Only the innermost layer passes on that its handshake is done, so the handlers after all layers
/// see it once.
final class TLSLayerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let kind: TLSLayer.Kind
    private let role: PeerRole
    private let isInnermost: Bool
    private let check: () throws -> Void
    private var isEstablished = false

    /// - Parameters:
    ///   - role: our end.
    ///   - check: examines what the other end presented, once its handshake is done.
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
