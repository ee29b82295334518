// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterTransport
import CommandSupport
import FakeGenerator
import Foundation
import GenerationTypes
import Glibc
import Logging
import NIOCore
import NIOPosix
import NodeSupport
import StableDiffusion
import Worker

/// Hosts the workers.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Host workers until SIGTERM or the end of standard input.",
        discussion: """
            Each worker has its own port and is real except for its generator, which takes \
            the given time for an image, step by step, and returns a hash of the request as \
            latents. The hosts file appears when all of them are listening.
            """)

    @Option(help: "Number of workers.")
    var workers = 1
    @Option(help: "Seconds per image.")
    var seconds = 0.5
    @Option(help: "First port; the others follow it. 0 lets the system choose all of them.")
    var port = 0
    @Option(help: "Where to write the list of workers.")
    var hosts: String
    @OptionGroup var model: ModelOptions
    @OptionGroup var security: SecurityOptions

    func run() async throws {
        let stop = StopRequest(idleExit: .success)
        ParentWatch.onStandardInputEnd { _exit(0) }
        let source = try model.open().source
        let fingerprint = try ModelFingerprint(of: source)
        let security = try security.load()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var servers: [(WorkerServer, ClusterListener)] = []
        for index in 0..<workers {
            let listener = try await ClusterListener.bind(
                host: "127.0.0.1", port: port == 0 ? 0 : port + index, group: group)
            servers.append((server(fingerprint, security, listener.port, group), listener))
        }
        let names = servers.map { "127.0.0.1:\($0.1.port)\n" }
        try Data(names.joined().utf8).write(to: URL(fileURLWithPath: hosts), options: .atomic)
        stop.onRequest { [servers] in for (server, _) in servers { server.drain() } }
        try await withThrowingDiscardingTaskGroup { tasks in
            for (server, listener) in servers {
                tasks.addTask { try await server.run(on: listener) { _ in } }
            }
        }
        try await group.shutdownGracefully()
    }

    private func server(
        _ model: ModelFingerprint, _ security: ClusterSecurity, _ port: Int,
        _ group: any EventLoopGroup
    ) -> WorkerServer {
        var configuration = WorkerConfiguration(
            build: ProgramVersion.text, kernelClass: "simulated", coreCount: 1,
            memoryByteCount: 1 << 30, model: model)
        configuration.port = port
        let seconds = seconds
        let generator = HashChainGenerator(beforeStep: { request, _ in
            usleep(UInt32(seconds * 1e6 / Double(request.inferenceStepCount)))
        })
        return WorkerServer(
            configuration: configuration, security: security, generator: generator, group: group,
            logger: Logger(label: "worker") { _ in SwiftLogNoOpLogHandler() })
    }
}
