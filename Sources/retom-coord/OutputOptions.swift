// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Foundation

/// Where the pictures go and what is shown meanwhile.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Directory for the pictures; made if needed.", valueName: "directory"))
    var output = "out"

    @Flag(help: "Replace the run that the directory holds; other files stay.")
    var overwrite = false

    @Flag(help: "Also write the latents of each picture as .safetensors.")
    var saveLatents = false

    @Flag(help: "Print one JSON object per event on standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    /// The display that suits the terminal and these options.
    func display(for plan: RequestPlan) -> ProgressDisplay {
        let mode =
            quiet
            ? ProgressDisplay.Mode.silent
            : .suited(
                errorIsTerminal: ConsoleStreams.errorIsTerminal,
                outputIsTerminal: ConsoleStreams.outputIsTerminal, json: json,
                style: TerminalStyle(environment: ProcessInfo.processInfo.environment))
        return ProgressDisplay(
            mode: mode, json: json, prompts: plan.requests.map(\.prompt), console: .standard)
    }
}
