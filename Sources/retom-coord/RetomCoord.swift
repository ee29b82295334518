// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import CommandSupport
import Coordinator
import GenerationTypes
import NodeSupport
import Requests
import RunDisplay
import RunService
import Runs

/// Generates images from prompts on a cluster of workers and writes the pictures.
@main
struct RetomCoord: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord",
        abstract: "Generates images from prompts on workers of this and other machines.",
        usage: "retom-coord -p <text> ... [-b <count>] [-o <directory>] [<options>]",
        discussion: """
              retom-coord -p "a red house in the snow" -b 4 -o out
              retom-coord --resume -o out
              retom-coord decode out

            Without --workers it starts a worker on this machine; without --model it uses the \
            small embedded model. The output directory receives the pictures \
            (00000-SEED.png, …), contact sheets (grid-0000.png), a gallery to open in a browser \
            (index.html) and report.json. Ctrl-C stops a run gracefully and keeps finished \
            images; --resume continues it, also after a crash. 'retom-coord status DIRECTORY' \
            shows a run's progress, 'retom-coord decode DIRECTORY' decodes its latents again, \
            'retom-coord models DIRECTORY' lists models.

            A text or number may begin with a hyphen (-s -1, -n "-blurry"). One that looks like an \
            option needs an equals sign: --prompt=--help.

            Exit codes: 0 all images written; 1 some failed; 2 wrong usage or unusable input; 3 \
            no usable worker; 129, 130 or 143 interrupted by SIGHUP, Ctrl-C or SIGTERM.
            """,
        version: ProgramVersion.text)

    @OptionGroup(title: "Prompts") var prompts: PromptOptions
    @OptionGroup(title: "Pictures") var generation: GenerationOptions
    @OptionGroup(title: "Pictures") var profile: ProfileOptions
    @OptionGroup(title: "Token merging") var merging: MergeOptions
    @OptionGroup(title: "Workers") var workers: WorkerOptions
    @OptionGroup(title: "Security") var security: SecurityOptions
    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Observing") var logs: LogOptions
    @OptionGroup(title: "Observing") var metrics: MetricsOptions

    mutating func validate() throws {
        if prompts.prompts == "-", security.authKeyFile == "-" {
            throw ValidationError(
                "--prompts - and --auth-key-file - would both read standard input; name one file")
        }
        compute = profile.applied(to: compute)
        merging = profile.applied(to: merging)
    }

    static func main() {
        // Of a subcommand's options this command would take all that it knows too for itself.
        switch CommandLine.arguments.dropFirst().first {
        case "decode": Decode.runWatchingSignals(after: 1)
        case "models": ModelsCommand.runWatchingSignals(after: 1)
        case "status": StatusCommand.runWatchingSignals(after: 1)
        default: break
        }
        runWatchingSignals()
    }

    func run() async throws {
        let stop = StopRequest()
        var warnings: [String] = []
        // What is refused leaves nothing behind, not even the output directory.
        let hosts = try workers.hosts(security)
        let job = try job { warnings.append($0) }
        var compute = compute
        if let settings = job.settings { compute.follow(settings) }
        let pool =
            hosts
            ?? workers.localPool(
                compute: compute, model: job.model, imageCount: job.plan.requests.count)
        let monitor = RunMonitor(clock: .system, seconds: ConsoleStreams.standard.seconds)
        let progress = ProgressFeed.make(
            for: job.plan, json: output.json, quiet: output.quiet, monitor: monitor)
        let status = StatusFile(in: job.directory, of: monitor)
        let outcome: RunOutcome
        do {
            warnings += pool.warnings
            if job.hasOpenImages {
                warnings += try ModelWarnings.of(job.plan.requests, model: job.model.source)
                warnings += try TruncationWarnings.of(job.plan.requests, model: job.model.source)
            }
            for notice in try ModelNotices.of(job.model.source) { progress.report(.notice(notice)) }
            if hosts != nil, let notice = ModelNotices.forRunningWorkers(job.model.source) {
                progress.report(.notice(notice))
            }
            for warning in warnings { progress.report(.warning(warning)) }
            let decodeThreadCount =
                job.hasOpenImages
                ? pool.decodeThreadCount(of: compute.threads) : compute.threads
            outcome = try await perform(
                job, on: pool,
                ClusterRun.Configuration(
                    checkpoints: workers.checkpoints,
                    decoding: compute.configuration(threadCount: decodeThreadCount),
                    decodePlace: try output.decodeOn ?? job.decodePlace(on: pool)),
                stop, RunMetrics(monitor: monitor), progress)
            status.finish()
        } catch {
            status.finish()
            job.directory.withdraw()
            // What was reported comes before the error that ends the program.
            await progress.finish()
            throw error
        }
        await progress.finish()
        guard outcome == .complete else { throw ProgramExit(outcome, stoppedBy: stop).code }
    }

    private func perform(
        _ job: RunJob, on pool: WorkerPool, _ configuration: ClusterRun.Configuration,
        _ stop: StopRequest, _ numbers: RunMetrics, _ progress: ProgressFeed
    ) async throws -> RunOutcome {
        let logger = logs.logger(label: "retom-coord")
        let run = ClusterRun(
            job, pool: pool, configuration: configuration, stop: stop, metrics: numbers,
            logger: logger, report: { progress.report($0) })
        return try await metrics.serve(logger: logger, page: { numbers.page }) {
            try await run.perform()
        }
    }
}
