// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Serves `GET /metrics` on a port and a thread of its own: scrapers, whatever they do, do not hold
/// up the protocol's thread.
package struct MetricsServer: Sendable {
    /// Scrapers that may be connected at a time; more are closed.
    static let connectionCountMax = 16
    /// How long one may take to send its request and to read the response.
    package static let patience = Duration.seconds(10)
    /// Longest header of a request, in bytes.
    private static let headerByteCountMax = 16384

    /// The port the system gave; differs from the wanted one when that was 0.
    package let port: Int
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let visitors: VisitorCount

    /// Scrapers that are connected.
    package var visitorCount: Int { visitors.value.load(ordering: .relaxed) }

    /// Opens the port.
    ///
    /// - Parameters:
    ///   - patience: how long a scraper may take.
    ///   - page: makes the page anew for every request, on the server's thread.
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
        // The only error is that it was shut down before.
        try? await group.shutdownGracefully()
    }
}
