// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Answers `GET /metrics` on a port of its own.
package struct MetricsServer: Sendable {
    /// Scrapers that may be connected at a time; more are closed.
    static let connectionCountMax = 16
    /// How long one may take to ask.
    static let patience = TimeAmount.seconds(10)

    /// The port the system gave; differs from the wanted one when that was 0.
    package let port: Int
    private let channel: any Channel

    /// Opens the port.
    ///
    /// - Parameter page: makes the page anew for every request, on an event loop: it must not wait.
    /// - Throws: `TransportError`.
    package static func start(
        host: String, port: Int, group: any EventLoopGroup,
        page: @escaping @Sendable () -> PrometheusText
    ) async throws -> MetricsServer {
        let visitors = VisitorCount()
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 16)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.configureHTTPServerPipeline(
                            withPipeliningAssistance: true, withErrorHandling: true)
                        try pipeline.addHandler(MetricsHandler(visitors: visitors, page: page))
                    }
                }
                .bind(host: host, port: port).get()
            return MetricsServer(port: channel.localAddress?.port ?? port, channel: channel)
        } catch {
            throw TransportError.listening(error, host: host, port: port)
        }
    }

    /// Closes the port.
    package func stop() async {
        try? await channel.close()
    }
}
