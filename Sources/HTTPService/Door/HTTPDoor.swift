// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
package import NIOPosix
package import ServiceAPI
import ServiceLifecycle

/// A service's face to its clients: HTTP/1.1.
package struct HTTPDoor: Sendable {
    /// Where it listens, and for whom.
    package struct Configuration: Sendable {
        /// The address.
        package var host: String
        /// The port; 0 lets the system choose.
        package var port: Int
        /// Names that it answers to, pages that may ask.
        package var rules: HostRules
        /// Whether requests of this machine need a key, too: a proxy's do.
        package var needsKeys: Bool
        /// Its certificate; `nil` for plain HTTP.
        package var tls: DoorTLS?
        /// Whether browsers reach it by HTTPS: by its own, or a proxy's.
        package var hasSecureCookies: Bool

        /// Describes a door.
        ///
        /// - Parameter isBehindTLS: whether a proxy speaks HTTPS for it.
        package init(
            host: String, port: Int, rules: HostRules, needsKeys: Bool, tls: DoorTLS? = nil,
            isBehindTLS: Bool = false
        ) {
            self.host = host
            self.port = port
            self.rules = rules
            self.needsKeys = needsKeys
            self.tls = tls
            hasSecureCookies = tls != nil || isBehindTLS
        }
    }

    /// Connections at once; more wait.
    static let connectionCountMax = 2048
    /// How long requests in progress may take when the service stops.
    static let shutdownTimeout = Duration.seconds(5)
    /// Longest head of a request, in bytes.
    static let headByteCountMax = 16 << 10

    private let service: any ImageServing
    private let configuration: Configuration
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let counter = RequestCounter()
    private let times: DoorTimes

    /// - Parameters:
    ///   - group: its threads serve the clients, and nothing else.
    ///   - times: how long clients may take.
    package init(
        _ service: any ImageServing, configuration: Configuration,
        group: MultiThreadedEventLoopGroup, times: DoorTimes = DoorTimes(), logger: Logger
    ) {
        self.service = service
        self.configuration = configuration
        self.group = group
        self.times = times
        self.logger = logger
    }

    /// Serves until the stream of stops yields something; requests in progress are finished then.
    ///
    /// - Parameter onListening: called with the port.
    /// - Throws: what makes listening impossible.
    package func run(
        until stop: AsyncStream<Void>, onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        let peers = PeerCount()
        var http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionGuard(peers: peers, stallTimeout: times.stall), PeerPresence(),
            ], idleTimeout: TimeAmount(times.idle))
        http.httpDecoder.maxHeaderFieldSize = Self.headByteCountMax
        http.httpDecoder.maxHeaderListSize = Self.headByteCountMax
        let application = Application(
            router: routes.router,
            server: .http1(
                configuration: http, under: configuration.tls, headTimeout: times.head),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: .maximum(Self.connectionCountMax, logger: logger)),
            onServerRunning: { channel in
                onListening(channel.localAddress?.port ?? 0)
            },
            eventLoopGroupProvider: .shared(group), logger: logger)
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = Self.shutdownTimeout
        let services = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                try await services.run()
                return true
            }
            tasks.addTask {
                for await _ in stop { break }
                await services.triggerGracefulShutdown()
                return false
            }
            while let isOver = try await tasks.next(), !isOver {}
            tasks.cancelAll()
        }
    }

    /// The methods and paths that `openapi.json` describes, such as `GET /retom/v1/batches`.
    ///
    /// Those of the page are not among them, nor is HEAD, which is wherever GET is.
    package var operations: [String] {
        routes.interface().routes.map { "\($0.method.rawValue) \($0.path)" }
    }

    private var routes: ServiceRoutes {
        ServiceRoutes(
            service: service, needsKeys: configuration.needsKeys, counter: counter,
            times: times, rules: configuration.rules,
            hasSecureCookies: configuration.hasSecureCookies)
    }
}
