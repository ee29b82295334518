// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import CommandSupport
import GenerationTypes
import Requests
import RunDisplay
import RunService
import Runs

/// Decodes the latents of a run again, without sampling.
struct Decode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord decode",
        abstract: "Decodes the stored latents of a run.",
        discussion: """
              retom-coord decode out
              retom-coord decode out --all --precision f32

            Every run keeps the latents of its images. This makes the pictures that are missing, \
            because the run was interrupted or sampled with --decode-on none, and then contact \
            sheets, gallery and report. Nothing is sampled. The model is the run's own; --model \
            says where it is now.

            Exit codes: 0 every picture was made; 1 some latents are gone or damaged; 2 wrong \
            usage or unusable input; 129, 130 or 143 interrupted by SIGHUP, Ctrl-C or SIGTERM.
            """,
        version: ProgramVersion.text)

    @Argument(help: "Directory of the run.") var directory: String

    @Flag(help: "Make all pictures again, in place of those that are there.") var all = false

    @Flag(help: "Print one JSON object per event on standard output.") var json = false

    @Flag(name: .shortAndLong, help: "Show no progress, only failures and warnings.")
    var quiet = false

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func run() async throws {
        let stop = StopRequest()
        var warnings: [String] = []
        let job = try RunJob.opening(
            directory, isForSampling: false, model: model.chosen(following:),
            warn: { warnings.append($0) })
        let progress = ProgressFeed.make(
            for: job.plan, json: json, quiet: quiet,
            monitor: RunMonitor(clock: .system, seconds: ConsoleStreams.standard.seconds))
        for warning in warnings { progress.report(.warning(warning)) }
        let outcome: RunOutcome
        do {
            outcome = try await decode(job, progress, stop)
        } catch {
            await progress.finish()
            throw error
        }
        await progress.finish()
        guard outcome == .complete else { throw ProgramExit(outcome, stoppedBy: stop).code }
    }

    private func decode(
        _ job: RunJob, _ progress: ProgressFeed, _ stop: StopRequest
    ) async throws -> RunOutcome {
        job.announce(to: progress.report)
        var compute = compute
        if let settings = job.settings { compute.follow(settings) }
        let prepared = try await PreparedModel(job.model.source, decoding: compute.configuration)
        let session = try job.begin(
            with: prepared, samples: false, report: { progress.report($0) })
        let outcome = try await LateDecoding(
            session: session, decoder: prepared.decoder, stop: stop,
            report: { progress.report($0) }
        ).run(all: all)
        let openCount = session.history.openImages.count
        if openCount > 0 {
            progress.report(
                .warning("\(openCount) images have no latents yet; --resume samples them"))
        }
        try session.finish()
        return outcome
    }
}
