// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Foundation
internal import GenerationTypes

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

    @Flag(help: "Also write the latents of each picture as .safetensors.")
    var saveLatents = false

    @Flag(help: "Print one JSON object per event on standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress, only failures and warnings.")
    var quiet = false

    /// What the environment says of the terminal.
    private var terminalStyle: TerminalStyle {
        let environment = ProcessInfo.processInfo.environment
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty }
        return TerminalStyle(
            usesColor: environment["NO_COLOR", default: ""].isEmpty
                && environment["TERM"] != "dumb",
            usesUnicode: locale?.uppercased().replacing("-", with: "").contains("UTF8") ?? false)
    }

    /// The display that suits the terminal and these options.
    func progress(for plan: RequestPlan, monitor: RunMonitor) -> ProgressFeed {
        let mode =
            quiet
            ? ProgressDisplay.Mode.silent
            : .suited(
                errorIsTerminal: ConsoleStreams.errorIsTerminal,
                outputIsTerminal: ConsoleStreams.outputIsTerminal, json: json,
                style: terminalStyle)
        let display = ProgressDisplay(
            mode: mode, json: json, prompts: plan.requests.map(\.prompt), console: .standard)
        return ProgressFeed(display, console: .standard, monitor: monitor)
    }
}
