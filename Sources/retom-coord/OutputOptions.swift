// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

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
            Go on with the run that the directory holds, with its own prompts and settings, on \
            these workers or others.
            """)
    var resume = false

    @Flag(help: "With --resume: try images again that have failed.")
    var retryFailed = false

    @Option(
        help: ArgumentHelp(
            """
            Who makes pictures of latents: workers spare the coordinator the work, with none they \
            wait for 'retom-coord decode'.
            """, valueName: "coordinator|workers|none"))
    var decodeOn = DecodePlace.coordinator

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
        if retryFailed, !resume { throw ValidationError("--retry-failed goes with --resume") }
    }
}

/// Who decodes.
enum DecodePlace: String, ExpressibleByArgument, Sendable {
    case coordinator
    /// Whoever sampled them; the coordinator where a worker can't.
    case workers
    /// Nobody in this run.
    case none
}
