// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Notices when a client is gone, also while its request is being answered.
final class PeerPresence: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    private let departure = PeerDeparture()

    /// Tells when the client of a connection has closed its side of it.
    static func departure(from channel: any Channel) async -> PeerDeparture {
        let found = channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: Self.self).departure
        }
        if let departure = try? await found.get() { return departure }
        // The connection is closed: it has no handlers any more.
        let departure = PeerDeparture()
        departure.leave()
        return departure
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { departure.leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        departure.leave()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { departure.leave() }
}
