// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import ProcessSupport
import Synchronization

/// Connected scrapers.
final class VisitorCount: Sendable {
    let value = Atomic<Int>(0)
}

/// One scraper's connection: one request, one response, then close.
///
/// Nothing is read after the request, so no client can make responses accumulate here.
final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let visitors: VisitorCount
    private let patience: TimeAmount
    private let page: @Sendable () -> PrometheusText
    private var deadline: Scheduled<Void>?
    private var hasAnswered = false

    init(
        visitors: VisitorCount, patience: TimeAmount,
        page: @escaping @Sendable () -> PrometheusText
    ) {
        self.visitors = visitors
        self.patience = patience
        self.page = page
    }

    func channelActive(context: ChannelHandlerContext) {
        let count = visitors.value.wrappingAdd(1, ordering: .relaxed).newValue
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: patience) {
            channel.close(promise: nil)
        }
        if count > MetricsServer.connectionCountMax { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        visitors.value.wrappingSubtract(1, ordering: .relaxed)
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasAnswered, case .head(let request) = unwrapInboundIn(data) else { return }
        hasAnswered = true
        // The only possible error is that the channel is closed.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        answer(request, context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
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
        headers.add(name: "Connection", value: "close")
        if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        let head = HTTPResponseHead(version: request.version, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
