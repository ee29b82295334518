// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import Logging
package import ProcessSupport

/// Metrics for Prometheus; the same options for coordinator and worker.
package struct MetricsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve metrics for Prometheus on this port, at /metrics; 0 lets the system choose.",
            valueName: "number"))
    package var metricsPort: Int?

    @Option(
        help: ArgumentHelp(
            """
            Address of the metrics; they contain no prompts or keys, but anybody may read them \
            (default: 127.0.0.1).
            """, valueName: "address"))
    package var metricsHost: String?

    package init() {}

    package func validate() throws {
        if let metricsPort, !(0...65535).contains(metricsPort) {
            throw ValidationError("--metrics-port \(metricsPort): choose from 0 to 65535")
        }
        if metricsHost != nil, metricsPort == nil {
            throw ValidationError("--metrics-host needs --metrics-port")
        }
    }

    /// Serves the page while `body` runs, if a port is configured.
    ///
    /// - Throws: `TransportError`; errors of the body.
    package func serve<Result>(
        logger: Logger, page: @escaping @Sendable () -> PrometheusText,
        while body: () async throws -> Result
    ) async throws -> Result {
        guard let metricsPort else { return try await body() }
        let host = metricsHost ?? "127.0.0.1"
        let server = try await MetricsServer.start(host: host, port: metricsPort, page: page)
        logger.info("metrics", metadata: ["host": "\(host)", "port": "\(server.port)"])
        do {
            let result = try await body()
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }
}
