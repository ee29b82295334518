// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import RunService

/// Where the pictures go and what is shown meanwhile.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Directory for the pictures; made if needed.", valueName: "directory"))
    var output = "out"

    @Flag(
        help: """
            Replace the run that the directory holds, once there is a picture to replace it; \
            other files stay.
            """)
    var overwrite = false

    @Flag(
        help: """
            Resume the run that the directory holds, with its own prompts and settings, on these \
            workers or others.
            """)
    var resume = false

    @Flag(
        help: """
            Begin the run, or resume it if the directory holds it already: for services and batch \
            systems that start a command again.
            """)
    var beginOrResume = false

    @Flag(help: "With --resume or --begin-or-resume: retry failed images.")
    var retryFailed = false

    @Option(
        help: ArgumentHelp(
            """
            Who decodes latents: workers relieve the coordinator; with none, pictures wait for \
            'retom-coord decode' (default: the coordinator, or workers where its decoding would \
            hold them up).
            """, valueName: "coordinator|workers|none"))
    var decodeOn: DecodePlace?

    @Flag(help: "Also write the latents of each picture as .safetensors.")
    var saveLatents = false

    @Flag(help: "Print one JSON object per event on standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress, only failures and warnings.")
    var quiet = false

    func validate() throws {
        if resume, overwrite {
            throw ValidationError("--resume keeps the run that --overwrite would replace")
        }
        if beginOrResume, resume || overwrite {
            throw ValidationError(
                "--begin-or-resume cannot be combined with --resume or --overwrite")
        }
        if retryFailed, !resume, !beginOrResume {
            throw ValidationError("--retry-failed goes with --resume or --begin-or-resume")
        }
    }
}
