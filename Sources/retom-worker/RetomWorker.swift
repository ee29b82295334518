// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterTransport
import CommandSupport
import GenerationTypes
import Glibc
import NIOCore
import NIOPosix
import NodeSupport
import ProcessSupport
import Requests
import StableDiffusion
import TensorKit
import Worker

/// Loads a model once and samples images for coordinators.
@main
struct RetomWorker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-worker",
        abstract: "Samples images for a retom coordinator.",
        discussion: """
            The worker loads the model once and then serves one coordinator after another. It \
            prints 'listening on HOST:PORT' on standard output when it is ready. Ctrl-C or SIGTERM \
            lets it finish the current images; a second signal ends it at once.

            Make a key for the cluster, copy it to every machine, start the workers, and list them \
            in a file:

              (umask 077; openssl rand -hex 32 > retom.key)
              retom-worker --host 0.0.0.0 --auth-key-file retom.key
              retom-coord --workers hosts.txt --auth-key-file retom.key -p "a house"

            The key encrypts and authenticates; so do certificates (--tls-cert, --tls-key, \
            --tls-ca), which also distinguish machines. Without either the worker accepts only \
            connections from its own machine.

            Exit codes: 0 stopped on request; 2 wrong usage, unusable model or port in use; 128 + \
            the signal's number if a second one ended it at once.
            """,
        version: ProgramVersion.text)

    @Option(
        help: ArgumentHelp(
            "TCP port to listen on; 0 lets the system choose.", valueName: "number"))
    var port = 7400

    @Option(
        help: ArgumentHelp(
            "Address to listen on; 0.0.0.0 lets other machines in.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(
        help: ArgumentHelp(
            "Name shown to people (default: host name and port).", valueName: "text"))
    var name: String?

    @OptionGroup var pictures: PictureOptions

    @Flag(help: "End when standard input ends: for workers started by another program.")
    var exitWithParent = false

    @OptionGroup(title: "Security") var security: SecurityOptions
    @OptionGroup(title: "Observing") var logs: LogOptions
    @OptionGroup(title: "Observing") var metrics: MetricsOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func validate() throws {
        guard (0...65535).contains(port) else {
            throw ValidationError("--port \(port): choose from 0 to 65535")
        }
    }

    static func main() { runWatchingSignals() }

    func run() async throws {
        // While the model loads there is nothing to finish.
        let stop = StopRequest(idleExit: .success)
        try security.check([host], .listening)
        // The key may be the first line of standard input; the watch continues from there.
        let protection = try security.load()
        if exitWithParent { ParentWatch.onStandardInputEnd { _exit(0) } }
        let source = try model.open().source
        // Report a port in use before seconds of loading; clients that connect meanwhile wait.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try await ClusterListener.bind(host: host, port: port, group: group)
        let server: WorkerServer
        do {
            server = try await self.server(for: source, protection, group)
        } catch {
            await listener.abandon()
            throw error
        }
        stop.onRequest { server.drain() }
        let numbers = WorkerMetrics()
        do {
            try await metrics.serve(
                logger: logs.logger(label: "retom-worker"), page: { numbers.page(server.traffic) },
                while: {
                    try await server.run(on: listener) { event in
                        numbers.note(event)
                        // Names and reasons may come from strangers.
                        ConsoleStreams.standard.writeOutput(
                            TerminalText.sanitized("\(event)") + "\n")
                    }
                })
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    /// Loads the model.
    private func server(
        for model: any ModelSource, _ security: ClusterSecurity, _ group: any EventLoopGroup
    ) async throws -> WorkerServer {
        async let fingerprint = DedicatedThread.run(named: "hash") {
            try ModelFingerprint(of: model)
        }
        let configuration = compute.configuration
        let pictureCount = pictures.count
        let loaded = try await DedicatedThread.run(named: "load") {
            try LoadedGenerators(
                model: model, compute: configuration, pictureCount: pictureCount)
        }
        var worker = WorkerConfiguration(
            build: ProgramVersion.text, kernelClass: loaded.kernelClass,
            coreCount: compute.threads, memoryByteCount: SystemInfo.memoryByteCount,
            model: try await fingerprint)
        worker.host = host
        worker.port = port
        worker.name = name ?? (port == 0 ? nil : "\(SystemInfo.hostName):\(port)")

        return WorkerServer(
            configuration: worker, security: security, generators: loaded.generators, group: group,
            logger: logs.logger(label: "retom-worker"))
    }
}
