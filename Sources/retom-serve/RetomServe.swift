// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import ClusterTransport
import CommandSupport
import Foundation
import GenerationTypes
import HTTPService
import Logging
import NIOCore
import NIOPosix
import NodeSupport
import Requests
import RunService
import Runs
import ServiceAPI
import ServiceEngine
import StableDiffusion

/// Generates images for many clients over HTTP, from a durable queue.
@main
struct RetomServe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-serve",
        abstract: "Generates images for many clients over HTTP, from a durable queue.",
        usage: "retom-serve --state <directory> [<options>]",
        discussion: """
              retom-serve --state /var/lib/retom
              curl -d '{"prompts": ["a red house"]}' -H 'Content-Type: application/json' \\
                http://127.0.0.1:7860/retom/v1/batches

            Batches that were accepted are finished, whatever is killed meanwhile: start it again \
            with the same directory. Without --workers it starts workers on this machine. Options \
            for pictures and merging are what clients leave open.

            On this machine it needs no key. For others, make one with 'retom-serve keys add \
            NAME --state DIRECTORY', and let it listen with --host; docs/service.md describes \
            the requests. 'retom-serve export BATCH -o NEW-DIRECTORY --state DIRECTORY' makes a \
            run of retom-coord of a batch.

            Exit codes: 0 stopped by a signal; 2 wrong usage, unusable input, or a disk that can't \
            be written; 3 no usable worker.
            """,
        version: ProgramVersion.text)

    @OptionGroup(title: "Service") var service: ServiceOptions
    @OptionGroup(title: "HTTPS") var https: HTTPSOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Pictures") var profile: ProfileOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Workers") var workers: WorkerOptions
    @OptionGroup(title: "Security") var security: SecurityOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Observing") var logs: LogOptions

    mutating func validate() throws {
        guard generation.seed == nil, generation.batchCount == nil else {
            throw ValidationError("--seed and --batch-count are for each client to choose")
        }
        compute = profile.applied(to: compute)
        merging = profile.applied(to: merging)
    }

    static func main() {
        switch CommandLine.arguments.dropFirst().first {
        case "keys": KeysCommand.runWatchingSignals(after: 1)
        case "export": ExportCommand.runWatchingSignals(after: 1)
        default: runWatchingSignals()
        }
    }

    func run() async throws {
        let stop = StopRequest(idleExit: .success)
        let logger = logs.logger(label: "retom-serve")
        let certificate = try https.certificate()
        if let exposure = service.exposure(isEncrypted: certificate != nil) {
            logger.warning("unencrypted", metadata: ["reason": "\(exposure)"])
        }
        let hosts = try workers.hosts(security)
        let chosen = try model.chosen()
        let planner = try RequestPlanner(
            chosen, generation: generation, merging: merging,
            forecastIfSound: profile.forecastIfSound, limits: service.limits)
        let pool = hosts ?? workers.localPool(compute: compute, model: chosen)
        let committer = NIOThreadPool(numberOfThreads: 1)
        committer.start()
        let store = try ServiceStore.open(
            directory: service.state,
            onCommitter: { work in committer.submit { _ in work() } },
            onWait: ConsoleStreams.reportWait)
        try service.checkKeys(store)
        let prepared = try await PreparedModel(
            chosen.source,
            decoding: compute.configuration(
                threadCount: pool.decodeThreadCount(of: compute.threads)))
        let record = try ModelRecord(of: chosen.source, name: chosen.name)
        let run = ServiceRun(
            store: store, prepared: prepared,
            model: ServedModel(
                record: record, directory: chosen.path, settings: try settings(of: chosen),
                mergeMethods: RequestPlanner.mergeMethods, defaults: planner.openRequest,
                capabilities: try planner.capabilities(of: record),
                plan: { planner.plan($0) }),
            pool: pool,
            configuration: ServiceRun.Configuration(
                limits: service.limits, checkpoints: workers.checkpoints,
                workersDecode: service.decodeOn == .workers),
            logger: logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let door = service.door(certificate?.door)
        let renewal = Task { await certificate?.renewUntilCancelled(logger: logger) }
        defer { renewal.cancel() }
        try await run.perform(stop: stop) { images, stops in
            let http = HTTPDoor(images, configuration: door, group: group, logger: logger)
            do {
                try await http.run(until: stops) { port in
                    // The first line is for programs that start this one.
                    ConsoleStreams.standard.writeOutput("listening on \(door.host):\(port)\n")
                }
            } catch let error as IOError {
                throw TransportError.listening(error, host: door.host, port: door.port)
            }
        }
        try? await group.shutdownGracefully()
        try? await committer.shutdownGracefully()
    }

    /// Options that are no part of a request, as a run keeps them.
    private func settings(of chosen: ChosenModel) throws -> [String: String] {
        var settings = compute.settings
        settings.merge(try model.withAbsolutePaths().settings) { $1 }
        settings["recipe"] = try ModelDescription(of: chosen.source).recipe.summary
        return settings
    }
}
