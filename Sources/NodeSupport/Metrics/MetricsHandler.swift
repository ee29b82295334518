// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Scrapers that are connected.
final class VisitorCount: Sendable {
    let value = Atomic<Int>(0)
}

/// One scraper's connection.
final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let visitors: VisitorCount
    private let page: @Sendable () -> PrometheusText
    private var alarm: Scheduled<Void>?
    private var request: HTTPRequestHead?

    init(visitors: VisitorCount, page: @escaping @Sendable () -> PrometheusText) {
        self.visitors = visitors
        self.page = page
    }

    func channelActive(context: ChannelHandlerContext) {
        let count = visitors.value.wrappingAdd(1, ordering: .relaxed).newValue
        if count > MetricsServer.connectionCountMax { context.close(promise: nil) }
        wait(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        visitors.value.wrappingSubtract(1, ordering: .relaxed)
        alarm?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end:
            guard let request else { return }
            self.request = nil
            answer(request, context)
            wait(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Closes the connection of who says nothing for a while.
    private func wait(_ context: ChannelHandlerContext) {
        alarm?.cancel()
        let channel = context.channel
        alarm = context.eventLoop.scheduleTask(in: MetricsServer.patience) {
            channel.close(promise: nil)
        }
    }

    private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = request.uri.prefix { $0 != "?" }
        let isKnown = path == "/metrics"
        let isReading = request.method == .GET || request.method == .HEAD
        let status: HTTPResponseStatus =
            !isKnown ? .notFound : isReading ? .ok : .methodNotAllowed
        let text =
            status == .ok ? page().text : "\(status.code) \(status.reasonPhrase): GET /metrics\n"
        var headers = HTTPHeaders()
        headers.add(
            name: "Content-Type",
            value: status == .ok ? PrometheusText.contentType : "text/plain; charset=utf-8")
        headers.add(name: "Content-Length", value: "\(text.utf8.count)")
        if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        let isKept = request.isKeepAlive
        if !isKept { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: request.version, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !isKept { channel.close(promise: nil) }
        }
    }
}
