// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Coordinator
internal import GenerationTypes
internal import NodeSupport
internal import StableDiffusion
internal import TensorKit

/// Draws prompts on a cluster of workers and writes the pictures.
@main
struct RetomCoord: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord",
        abstract: "Draws pictures from prompts on workers of this and other machines.",
        usage: "retom-coord -p <text> ... [-b <count>] [-o <directory>] [<options>]",
        discussion: """
              retom-coord -p "a red house in the snow" -b 4 -o out

            Without --workers it starts a worker on this machine; without --model it draws with \
            the small embedded model. The output directory receives the pictures \
            (00000-SEED.png, …), contact sheets (grid-0000.png), a gallery to open in a browser \
            (index.html) and report.json. Ctrl-C ends a run in order and keeps what is drawn. \
            'retom-coord status DIRECTORY' tells how a run is getting on.

            Exit codes: 0 all images written; 1 some failed; 2 wrong usage or unusable input; \
            3 no usable worker.
            """,
        version: ProgramVersion.text)

    @OptionGroup(title: "Prompts") var prompts: PromptOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Workers") var workers: WorkerOptions
    @OptionGroup(title: "Security") var security: SecurityOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Observing") var logs: LogOptions
    @OptionGroup(title: "Observing") var metrics: MetricsOptions

    static func main() {
        // All options but one word of its own: they stay what `--help` shows.
        if CommandLine.arguments.dropFirst().first == "status" {
            StatusCommand.runWatchingSignals(Array(CommandLine.arguments.dropFirst(2)))
        }
        runWatchingSignals()
    }

    func run() async throws {
        let stop = StopRequest()
        let (path, modelName) = try model.resolve()
        let directory = try ModelDirectory(path: path)
        let plan = try generation.plan(
            prompts.entries(), for: RequestCheck(of: directory),
            tokenMerging: merging.configuration)
        let pool = try workers.pool(compute: compute, model: model, security: security)
        let runDirectory = try RunDirectory(
            preparing: output.output, policy: output.overwrite ? .replace : .refuse)
        let monitor = RunMonitor(seconds: ConsoleStreams.standard.seconds)
        let progress = output.progress(for: plan, monitor: monitor)
        let status = StatusFile(in: runDirectory, of: monitor)
        let exit: ProgramExit
        do {
            exit = try await draw(
                plan, model: (directory, modelName), pool, runDirectory,
                Observers(
                    progress: progress, numbers: RunMetrics(monitor: monitor),
                    logger: logs.logger(label: "retom-coord"), metrics: metrics), stop)
            status.finish()
        } catch {
            status.finish()
            // What the display was told comes before the error that ends the program.
            await progress.finish()
            throw error
        }
        await progress.finish()
        guard exit == .success else { throw exit.code }
    }

    private func draw(
        _ plan: RequestPlan, model: (directory: ModelDirectory, name: String), _ pool: WorkerPool,
        _ runDirectory: RunDirectory, _ observers: Observers, _ stop: StopRequest
    ) async throws -> ProgramExit {
        let truncations = try TruncationWarnings.of(plan.requests, model: model.directory)
        let progress = observers.progress
        for warning in pool.warnings + truncations { progress.report(.warning(warning)) }
        let run = ClusterRun(
            plan: plan, pool: pool, model: model.directory,
            decoding: compute.configuration(threadCount: pool.decodeThreadCount(of: compute)),
            stop: stop, observers: observers)
        return try await run.perform { fingerprint in
            RunSession(
                directory: runDirectory, plan: plan, progress: progress,
                model: ModelRecord(name: model.name, fingerprint: fingerprint),
                settings: settings, batchCount: generation.batchCount,
                savesLatents: output.saveLatents)
        }
    }

    /// Options that are no part of a request, for the report.
    private var settings: [String: String] {
        [
            "precision": compute.precision, "backend": compute.backend,
            "merge": merging.configuration.summary,
        ]
    }
}
