// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import NIOCore
import NIOHTTP1
import NIOPosix
package import ProcessSupport
import Synchronization

/// Serves `GET /metrics` on its own port and thread, so that scrapers cannot delay the protocol's
/// thread.
package struct MetricsServer: Sendable {
    /// Scrapers that may be connected at once; further ones are closed.
    static let connectionCountMax = 16
    /// Time limit for sending the request and reading the response.
    package static let patience = Duration.seconds(10)
    /// Maximum header size of a request, in bytes.
    private static let headerByteCountMax = 16384

    /// The port assigned by the system; differs from the requested one if that was 0.
    package let port: Int
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let visitors: VisitorCount

    /// Connected scrapers.
    package var visitorCount: Int { visitors.value.load(ordering: .relaxed) }

    /// Opens the port.
    ///
    /// - Parameters:
    ///   - patience: time limit for a scraper.
    ///   - page: creates the page anew for every request, on the server's thread.
    /// - Throws: `TransportError`.
    package static func start(
        host: String, port: Int, patience: Duration = patience,
        page: @escaping @Sendable () -> PrometheusText
    ) async throws -> MetricsServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let visitors = VisitorCount()
        do {
            let address = try await NameResolver.system.address(toListenOn: host, port: port)
            let channel = try await bootstrap(group) {
                MetricsHandler(visitors: visitors, patience: TimeAmount(patience), page: page)
            }.bind(to: address).get()
            return MetricsServer(
                port: channel.localAddress?.port ?? port, channel: channel, group: group,
                visitors: visitors)
        } catch {
            try? await group.shutdownGracefully()
            throw TransportError.listening(error, host: host, port: port)
        }
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ handler: @escaping @Sendable () -> MetricsHandler
    ) -> ServerBootstrap {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = headerByteCountMax
        limits.maxHeaderListSize = headerByteCountMax
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [limits] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withEncoderConfiguration: .init(),
                        withDecoderLimitConfiguration: limits)
                    try pipeline.addHandler(handler())
                }
            }
    }

    /// Closes the port and all connections to it.
    package func stop() async {
        try? await channel.close()
        // The only possible error is that it was shut down before.
        try? await group.shutdownGracefully()
    }
}
