// SPDX-License-Identifier: Apache-2.0

import NIOCore
import WireProtocol

/// Answers strangers at a port open to everyone.
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
