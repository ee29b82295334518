// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ClusterTransport
internal import CommandSupport
internal import GenerationTypes
internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import StableDiffusion
internal import Synchronization
internal import TensorKit
internal import Worker

/// Loads a model once and samples images for coordinators.
@main
struct RetomWorker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-worker",
        abstract: "Samples images for a retom coordinator.",
        discussion: """
            The worker loads the model once and then serves one coordinator after another. It prints
            'listening on HOST:PORT' on standard output when it is ready. SIGTERM lets it finish the
            image at hand; a second signal ends it at once.
            """,
        version: ProgramVersion.text)

    @Option(help: "TCP port to listen on; 0 lets the system choose.")
    var port = 7400

    @Option(help: "Address to listen on; other machines can reach only what is not loopback.")
    var host = "127.0.0.1"

    @Option(help: "Name shown to people (default: host name and port).")
    var name: String?

    @Flag(help: "End when standard input does: for workers that another program starts.")
    var exitWithParent = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        guard (0...65535).contains(port) else {
            throw ValidationError("--port \(port): choose from 0 to 65535")
        }
    }

    static func main() async { await runAndExit() }

    func run() async throws {
        let stop = StopRequest()
        SignalWatcher.start { _ in stop.request() }
        if exitWithParent { ParentWatch.onStandardInputEnd { _exit(0) } }
        let directory = try ModelDirectory(path: try model.resolve().directory)
        async let fingerprint = DedicatedThread.run(named: "hash") {
            try ModelFingerprint(of: directory)
        }
        let configuration = compute.configuration
        let generator = try await DedicatedThread.run(named: "load") {
            LatentGenerator(
                pipeline: try StableDiffusionPipeline(model: directory, compute: configuration))
        }
        var worker = WorkerConfiguration(
            build: ProgramVersion.text, kernelClass: generator.kernelClass,
            coreCount: compute.threads, memoryByteCount: SystemInfo.memoryByteCount,
            model: try await fingerprint)
        worker.host = host
        worker.port = port
        worker.name = name

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = WorkerServer(
            configuration: worker, generator: generator, group: group,
            logger: Logger(label: "retom-worker") { StreamLogHandler.standardError(label: $0) })
        stop.onRequest { server.drain() }
        do {
            try await server.run { event in
                ConsoleStreams.standard.writeOutput("\(event)\n")
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }
}

/// What signals ask for: first to drain, then to end at once.
private final class StopRequest: Sendable {
    private struct State {
        var requestCount = 0
        var drain: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())

    func request() {
        let (count, drain) = state.withLock { state in
            state.requestCount += 1
            return (state.requestCount, state.drain)
        }
        // While the model loads there is nothing to finish.
        guard count == 1, let drain else { _exit(count == 1 ? 0 : 130) }
        drain()
    }

    func onRequest(_ drain: @escaping @Sendable () -> Void) {
        state.withLock { $0.drain = drain }
    }
}
