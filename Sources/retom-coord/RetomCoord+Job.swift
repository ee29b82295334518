// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import CommandSupport
import Foundation
import GenerationTypes
import Requests
import RunService
import Runs
import StableDiffusion

/// Which run a command line means.
extension RetomCoord {
    /// The run to generate: a new one, or one that an earlier process began.
    ///
    /// - Parameter warn: called with what was found damaged in an earlier one, and with what of a
    ///   new one is not generated as it may be meant.
    /// - Throws: what makes the run impossible; nothing was generated then.
    func job(warn: (String) -> Void) throws -> RunJob {
        if output.resume { return try resumedJob(warn: warn) }
        try prompts.requireSome()
        // Read once: they may come from a pipe.
        var notices: [String] = []
        let entries = try prompts.entries { notices.append($0) }
        let model = try model.with(lorasOf: entries)
        if output.beginOrResume, let begun = try begunJob(entries, model, warn: warn) {
            // What there is to say of prompts was said when the run began.
            return begun
        }
        notices.forEach(warn)
        return try newJob(entries, model, warn: warn)
    }

    private func newJob(
        _ entries: [PromptEntry], _ model: ModelOptions, warn: (String) -> Void
    ) throws -> RunJob {
        let chosen = try model.chosen()
        let plan = try generation.plan(
            entries, for: RequestCheck(of: chosen.source),
            tokenMerging: merging.configuration, forecastIfSound: profile.forecastIfSound,
            warn: warn)
        let (output, earlier) = try RunJob.claim(
            output.output, for: plan, savesLatents: output.saveLatents,
            replaces: output.overwrite)
        return RunJob(
            plan: plan, directory: output, earlier: earlier,
            record: .new(
                batchCount: generation.imagesPerPrompt,
                settings: settings.merging(try model.withAbsolutePaths().settings) { $1 }
                    .merging(["recipe": try ModelDescription(of: chosen.source).recipe.summary]) {
                        $1
                    },
                savesLatents: self.output.saveLatents),
            model: chosen)
    }

    /// - Throws: also when options are given that contradict the run.
    private func resumedJob(warn: (String) -> Void) throws -> RunJob {
        guard prompts.isEmpty else {
            throw ValidationError(
                """
                --resume uses the prompts that the run began with; leave them out, or begin \
                another run in another directory
                """)
        }
        return try opening(model: model, warn: warn) { history in
            let run = history.run
            let conflict =
                generation.conflict(
                    with: history.requests, batchCount: run.batchCount,
                    baseSeed: run.isBaseSeedRandom ? nil : run.baseSeed)
                ?? merging.conflict(with: history.requests)
            if let conflict { throw conflict }
            if output.saveLatents, !run.savesLatents {
                throw RunConflict(flag: "--save-latents", asked: "on", before: "off")
            }
        }
    }

    /// - Throws: also when options are given that would change what is left to be generated.
    private func opening(
        model: ModelOptions, warn: (String) -> Void,
        check: (StoredHistory) throws -> Void = { _ in }
    ) throws -> RunJob {
        try RunJob.opening(
            output.output, isForSampling: true, retriesFailures: output.retryFailed,
            model: model.chosen(following:), warn: warn
        ) { history in
            try check(history)
            if let conflict = compute.conflict(with: history.run.settings) { throw conflict }
        }
    }

    /// Options that are no part of a request, for the report.
    private var settings: [String: String] {
        compute.settings.merging(["merge": merging.configuration.summary]) { $1 }
    }

    /// The run of this very command, if an earlier process began it.
    private func begunJob(
        _ entries: [PromptEntry], _ model: ModelOptions, warn: (String) -> Void
    ) throws -> RunJob? {
        let job: RunJob
        do {
            job = try opening(model: model, warn: warn)
        } catch RunError.noRun {
            return nil
        }
        var asked = generation
        // The same random seed would not be generated again.
        if job.plan.isBaseSeedRandom, asked.seedChoice == .random {
            asked.seed = "\(job.plan.baseSeed)"
        }
        let plan = try asked.plan(
            entries, for: RequestCheck(of: job.model.source),
            tokenMerging: merging.configuration, forecastIfSound: profile.forecastIfSound,
            warn: { _ in })
        guard plan.requests == job.plan.requests,
            job.history?.run.savesLatents == output.saveLatents
        else { throw OtherRunError(path: output.output) }
        return job
    }
}

/// What is asked for is not what the directory's run began with.
struct OtherRunError: Error, CustomStringConvertible {
    let path: String

    var description: String {
        """
        the run in \(path) was begun with other prompts or picture settings; --resume alone \
        continues it, --overwrite replaces it; or choose another directory
        """
    }
}
