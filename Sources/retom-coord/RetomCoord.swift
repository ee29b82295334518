// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Coordinator
internal import GenerationTypes
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
            (index.html) and report.json. Ctrl-C ends a run in order and keeps what is drawn.

            Exit codes: 0 all images written; 1 some failed; 2 wrong usage or unusable input; \
            3 no usable worker.
            """,
        version: ProgramVersion.text)

    @OptionGroup(title: "Prompts") var prompts: PromptOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Workers") var workers: WorkerOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    static func main() { runWatchingSignals() }

    func run() async throws {
        let stop = StopRequest()
        let (path, modelName) = try model.resolve()
        let directory = try ModelDirectory(path: path)
        let plan = try generation.plan(
            prompts.entries(), for: RequestCheck(of: directory),
            tokenMerging: merging.configuration)
        let pool = try workers.pool(compute: compute, model: model)
        let runDirectory = try RunDirectory(
            preparing: output.output, policy: output.overwrite ? .replace : .refuse)
        let progress = output.progress(for: plan)
        let exit: ProgramExit
        do {
            exit = try await draw(
                plan, model: (directory, modelName), pool, runDirectory, progress, stop)
        } catch {
            // What the display was told comes before the error that ends the program.
            await progress.finish()
            throw error
        }
        await progress.finish()
        guard exit == .success else { throw exit.code }
    }

    private func draw(
        _ plan: RequestPlan, model: (directory: ModelDirectory, name: String), _ pool: WorkerPool,
        _ runDirectory: RunDirectory, _ progress: ProgressFeed, _ stop: StopRequest
    ) async throws -> ProgramExit {
        let truncations = try TruncationWarnings.of(plan.requests, model: model.directory)
        for warning in pool.warnings + truncations { progress.report(.warning(warning)) }
        let run = ClusterRun(
            plan: plan, pool: pool, model: model.directory, checkpoints: workers.checkpoints,
            decoding: compute.configuration(threadCount: pool.decodeThreadCount(of: compute)),
            stop: stop, progress: progress)
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
